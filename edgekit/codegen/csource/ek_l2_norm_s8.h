/* L2_NORMALIZATION on int8: rows of length 1. */
#ifndef EK_L2_NORM_S8_H
#define EK_L2_NORM_S8_H

#include "ek.h"

typedef struct {
    int32_t rows, depth, in_zero_point;
} ek_l2_norm_s8_params;

/* 1 / sqrt(x) for x > 1 as *mantissa * 2^(*shift - 31), by five steps of Newton and Raphson. */
EK_SHARED void ek_l2_norm_s8_inverse_root(int32_t x, int32_t *mantissa, int32_t *shift) {
    *shift = -11;
    for (; x >= 1 << 29; x /= 4) {
        *shift -= 1;
    }
    for (; x < 1 << 27; x *= 4) {
        *shift += 1;
    }
    const int32_t half = ek_shift_right(x >> 1, 1);
    int32_t root = 1 << 28; /* 1, with 28 bits of fraction */
    for (int32_t i = 0; i < 5; i++) {
        const int32_t cube = ek_high_mul(ek_high_mul(root, root), root) * 64;
        root = (ek_high_mul((1 << 28) + (1 << 27), root) - ek_high_mul(half, cube)) * 8;
    }
    *mantissa = ek_high_mul(root, 1518500250); /* times the root of 1/2 */
    if (*shift > 0) {
        *mantissa *= 1 << *shift;
        *shift = 0;
    }
}

EK_SHARED void ek_l2_norm_s8(const ek_l2_norm_s8_params *p, const int8_t *in, int8_t *out) {
    for (int32_t row = 0; row < p->rows; row++, in += p->depth, out += p->depth) {
        int32_t squares = 0;
        for (int32_t i = 0; i < p->depth; i++) {
            squares += (in[i] - p->in_zero_point) * (in[i] - p->in_zero_point);
        }
        int32_t mantissa = INT32_MAX;
        int32_t shift = 0;
        if (squares > 1) {
            ek_l2_norm_s8_inverse_root(squares, &mantissa, &shift);
        }
        for (int32_t i = 0; i < p->depth; i++) {
            const int32_t scaled = ek_requantize(in[i] - p->in_zero_point, mantissa, shift + 7);
            out[i] = (int8_t)ek_clamp(scaled, INT8_MIN, INT8_MAX);
        }
    }
}

#endif
