/* Operators of one int16 operand that are read off a table, with straight lines between its points. */
#ifndef EK_CURVE_S16_H
#define EK_CURVE_S16_H

#include "ek.h"

typedef struct {
    int32_t count;
    const int16_t *table; /* [513]: the results of -32768, -32640, ... 32768 */
} ek_curve_s16_params;

static inline int32_t ek_curve_s16_at(const int16_t *table, int32_t x) {
    const int16_t *point = table + 256 + (x >> 7);
    return point[0] + (((point[1] - point[0]) * (x & 0x7f) + 64) >> 7);
}

EK_SHARED void ek_curve_s16(const ek_curve_s16_params *p, const int16_t *in, int16_t *out) {
    for (int32_t i = 0; i < p->count; i++) {
        out[i] = (int16_t)ek_curve_s16_at(p->table, in[i]);
    }
}

/* LOGISTIC and TANH, both from logistic(i / 24) for positive i: they are symmetric, tanh(x) = 2 logistic(2 x) - 1. */
typedef struct {
    int32_t count;
    int32_t multiplier, half, shift; /* to the scale of the table */
    const uint16_t *table;           /* [256], 16 bits of fraction */
} ek_sigmoid_s16_params;

typedef ek_sigmoid_s16_params ek_logistic_s16_params, ek_tanh_s16_params;

/* Of |x| with `bits` bits between two points of the table, with 16 + bits bits of fraction. */
EK_BODY int32_t ek_sigmoid_s16_at(const uint16_t *table, int32_t x, int32_t bits, int32_t end) {
    const int32_t magnitude = x < 0 ? -x : x;
    const int32_t point = magnitude >> bits;
    if (point >= 255) {
        return end;
    }
    const int32_t between = magnitude & ((1 << bits) - 1);
    return table[point] * (1 << bits) + between * (table[point + 1] - table[point]);
}

EK_BODY int32_t ek_sigmoid_s16_scaled(const ek_sigmoid_s16_params *p, int32_t x) {
    return (int32_t)(((int64_t)x * p->multiplier + p->half) >> p->shift);
}

EK_SHARED void ek_logistic_s16(const ek_logistic_s16_params *p, const int16_t *in, int16_t *out) {
    for (int32_t i = 0; i < p->count; i++) {
        const int32_t x = ek_sigmoid_s16_scaled(p, in[i]);
        const int32_t y = ek_sigmoid_s16_at(p->table, x, 9, 0x7fff << 10);
        out[i] = (int16_t)((x >= 0 ? y + (1 << 9) : (1 << 25) - y + (1 << 9) - 1) >> 10);
    }
}

EK_SHARED void ek_tanh_s16(const ek_tanh_s16_params *p, const int16_t *in, int16_t *out) {
    for (int32_t i = 0; i < p->count; i++) {
        const int32_t x = ek_sigmoid_s16_scaled(p, in[i]);
        const int32_t y = ek_sigmoid_s16_at(p->table, x, 8, 0xffff << 8) - (1 << 23);
        out[i] = (int16_t)((x >= 0 ? y + (1 << 7) : (1 << 7) - 1 - y) >> 8);
    }
}

#endif
