/* ADD and SUB on int16. */
#ifndef EK_ADD_S16_H
#define EK_ADD_S16_H

#include "ek_binary.h"

/* Both operands are scaled to twice the larger scale, with 15 bits of fraction, then their sum to the output's. */
typedef struct {
    ek_pairs pairs;
    const int16_t *constant;
    int32_t a_zero_point, a_mantissa, a_shift, a_sign;
    int32_t b_zero_point, b_mantissa, b_shift, b_sign;
    int32_t out_mantissa, out_shift, out_zero_point, low, high;
} ek_add_s16_params;

EK_BODY int32_t ek_add_s16_one(const ek_add_s16_params *p, int32_t a, int32_t b) {
    const int32_t a_scaled = ek_requantize((a - p->a_zero_point) * (1 << 15), p->a_mantissa, p->a_shift);
    const int32_t b_scaled = ek_requantize((b - p->b_zero_point) * (1 << 15), p->b_mantissa, p->b_shift);
    const int32_t sum = a_scaled * p->a_sign + b_scaled * p->b_sign;
    return ek_clamp(ek_requantize(sum, p->out_mantissa, p->out_shift) + p->out_zero_point, p->low, p->high);
}

EK_BINARY(ek_add_s16, int16_t, int16_t)

/* Scales that are powers of two: one operand has the output's scale, the other one is shifted to it. */
typedef struct {
    ek_pairs pairs;
    const int16_t *constant;
    int32_t a_shift, a_sign, b_shift, b_sign; /* to the right */
    int32_t low, high;
} ek_add_shifted_s16_params;

EK_BODY int32_t ek_add_shifted_s16_one(const ek_add_shifted_s16_params *p, int32_t a, int32_t b) {
    const int32_t sum = ek_shift_right(a, p->a_shift) * p->a_sign + ek_shift_right(b, p->b_shift) * p->b_sign;
    return ek_clamp(sum, p->low, p->high);
}

EK_BINARY(ek_add_shifted_s16, int16_t, int16_t)

#endif
