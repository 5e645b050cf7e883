/* Operators of one operand that are a line, or two that meet at zero: RELU, LEAKY_RELU, ABS, QUANTIZE of integers. */
#ifndef EK_RESCALE_H
#define EK_RESCALE_H

#include "ek.h"

typedef struct {
    int32_t count;
    int32_t in_zero_point, out_zero_point, low, high;
    int32_t positive_mantissa, positive_shift;
    int32_t negative_before; /* 1, or -1 where a negative operand's magnitude is scaled */
    int32_t negative_mantissa, negative_shift;
    int32_t negative_after; /* 1, or -1 where the slope is negative */
} ek_rescale_params;

EK_BODY int32_t ek_rescale_one(const ek_rescale_params *p, int32_t stored) {
    const int32_t x = stored - p->in_zero_point;
    const int32_t y = x >= 0 ? ek_requantize(x, p->positive_mantissa, p->positive_shift)
                             : p->negative_after * ek_requantize(x * p->negative_before, p->negative_mantissa,
                                                                 p->negative_shift);
    return ek_clamp(y + p->out_zero_point, p->low, p->high);
}

#define EK_RESCALE(function, in_type, out_type)                                                                       \
    typedef ek_rescale_params function##_params;                                                                      \
    EK_SHARED void function(const ek_rescale_params *p, const in_type *in, out_type *out) {                           \
        for (int32_t i = 0; i < p->count; i++) {                                                                      \
            out[i] = (out_type)ek_rescale_one(p, in[i]);                                                              \
        }                                                                                                             \
    }

EK_RESCALE(ek_rescale_s16_s8, int16_t, int8_t)
EK_RESCALE(ek_rescale_s16_s16, int16_t, int16_t)
EK_RESCALE(ek_rescale_s16_s32, int16_t, int32_t)
EK_RESCALE(ek_rescale_s32_s8, int32_t, int8_t)
EK_RESCALE(ek_rescale_s32_s16, int32_t, int16_t)

#endif
