/* ADD and SUB on int8. */
#ifndef EK_ADD_S8_H
#define EK_ADD_S8_H

#include "ek_binary.h"

/* TFLite scales both operands to twice the larger scale, with 20 bits of fraction, then their sum to the output's. Each
 * operand is taken as stored * coef + offset, which takes its zero point off and moves it to its place, and is then
 * multiplied and shifted, rounding twice. For the operand with the larger scale ("near") that factor is exactly 1/2,
 * and `coef` and `offset` are all there is to do. */
typedef struct {
    ek_pairs pairs;
    const int8_t *constant; /* operand b where it is one */
    int32_t near_is_b;
    int32_t near_coef, near_offset;
    int32_t far_coef, far_offset, far_mantissa, far_half, far_shift, far_sign;
    int32_t out_mantissa, out_half, out_shift, out_zero_point;
    int32_t low, high;
} ek_add_s8_params;

/* twice * mantissa / 2^32 to nearest, then / 2^shift, halves away from zero. `half` is half of 2^shift,
 * shift > 0. (Where the product rounds to 0, its sign does not matter.) */
EK_BODY int32_t ek_add_s8_scale(int32_t twice, int32_t mantissa, int32_t half, int32_t shift) {
    const int32_t high = (int32_t)(((int64_t)twice * mantissa + (INT64_C(1) << 31)) >> 32);
    return (high + half + (twice >> 31)) >> shift;
}

EK_BODY int32_t ek_add_s8_one(const ek_add_s8_params *p, int32_t a, int32_t b) {
    const int32_t near = p->near_is_b ? b : a;
    const int32_t far = p->near_is_b ? a : b;
    const int32_t far_twice = far * p->far_coef + p->far_offset;
    const int32_t far_scaled = ek_add_s8_scale(far_twice, p->far_mantissa, p->far_half, p->far_shift);
    const int32_t sum = near * p->near_coef + p->near_offset + far_scaled * p->far_sign;
    const int32_t scaled = ek_add_s8_scale(sum, p->out_mantissa, p->out_half, p->out_shift);
    return ek_clamp(scaled + p->out_zero_point, p->low, p->high);
}

EK_BINARY(ek_add_s8, int8_t, int8_t)

#endif
