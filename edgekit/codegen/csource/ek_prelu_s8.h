/* PRELU on int8: x where it is not negative, else x times operand b. */
#ifndef EK_PRELU_S8_H
#define EK_PRELU_S8_H

#include "ek_binary.h"

typedef struct {
    ek_pairs pairs;
    const int8_t *constant;
    int32_t a_zero_point, b_zero_point;
    int32_t positive_mantissa, positive_shift, negative_mantissa, negative_shift;
    int32_t out_zero_point;
} ek_prelu_s8_params;

EK_BODY int32_t ek_prelu_s8_one(const ek_prelu_s8_params *p, int32_t a, int32_t b) {
    const int32_t x = a - p->a_zero_point;
    const int32_t scaled = x >= 0 ? ek_requantize(x, p->positive_mantissa, p->positive_shift)
                                  : ek_requantize(x * (b - p->b_zero_point), p->negative_mantissa, p->negative_shift);
    return ek_clamp(scaled + p->out_zero_point, INT8_MIN, INT8_MAX);
}

EK_BINARY(ek_prelu_s8, int8_t, int8_t)

#endif
