/* SOFTMAX on int8, in fixed point, as gemmlowp computes it. */
#ifndef EK_SOFTMAX_S8_H
#define EK_SOFTMAX_S8_H

#include "ek.h"

typedef struct {
    int32_t rows, depth;
    int32_t reach;               /* what lies this far below the row's greatest, or further, counts as nothing */
    const int32_t *exponentials; /* [reach]: e to the minus distance, 31 bits of fraction */
} ek_softmax_s8_params;

/* 1 / (1 + x), both with 31 bits of fraction, 0 <= x < 1, by three steps of Newton and Raphson. */
EK_BODY int32_t ek_softmax_s8_reciprocal(int32_t x) {
    const int32_t half = (int32_t)(((int64_t)x + (INT64_C(1) << 31)) >> 1);
    int32_t y = 1515870810 + ek_high_mul(half, -1010580540); /* 48/17 - 32/17 * half, with 29 bits of fraction */
    for (int32_t i = 0; i < 3; i++) {
        y += ek_high_mul(y, (INT32_C(1) << 29) - ek_high_mul(half, y)) * 4;
    }
    return y < (INT32_C(1) << 30) ? y * 2 : INT32_MAX;
}

EK_BODY void ek_softmax_s8_row(const ek_softmax_s8_params *p, const int8_t *in, int8_t *out) {
    int32_t greatest = INT8_MIN;
    for (int32_t i = 0; i < p->depth; i++) {
        greatest = ek_max(greatest, in[i]);
    }
    uint32_t sum = 0; /* 19 bits of fraction */
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t distance = greatest - in[i];
        sum += distance < p->reach ? (uint32_t)ek_shift_right(p->exponentials[distance], 12) : 0u;
    }
    int32_t exponent = 35; /* for a sum of 32 bits; the greatest itself makes it 20 at least */
    for (; sum >> 31 == 0u; sum <<= 1) {
        exponent--;
    }
    const int32_t factor = ek_softmax_s8_reciprocal((int32_t)(sum & 0x7fffffffu));
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t distance = greatest - in[i];
        const int32_t power = distance < p->reach ? p->exponentials[distance] : 0;
        out[i] = (int8_t)ek_min(ek_shift_right(ek_high_mul(factor, power), exponent) + INT8_MIN, INT8_MAX);
    }
}

EK_SHARED void ek_softmax_s8(const ek_softmax_s8_params *p, const int8_t *in, int8_t *out) {
    for (int32_t row = 0; row < p->rows; row++) {
        ek_softmax_s8_row(p, in + row * p->depth, out + row * p->depth);
    }
}

#endif
