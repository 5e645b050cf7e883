/* MUL on int8 and int16. */
#ifndef EK_MUL_H
#define EK_MUL_H

#include "ek_binary.h"

#define EK_MUL(function, type)                                                                                        \
    typedef struct {                                                                                                  \
        ek_pairs pairs;                                                                                               \
        const type *constant;                                                                                         \
        int32_t a_zero_point, b_zero_point, mantissa, shift, out_zero_point, low, high;                               \
    } function##_params;                                                                                              \
    EK_BODY int32_t function##_one(const function##_params *p, int32_t a, int32_t b) {                                \
        const int32_t product = (a - p->a_zero_point) * (b - p->b_zero_point);                                        \
        return ek_clamp(ek_requantize(product, p->mantissa, p->shift) + p->out_zero_point, p->low, p->high);          \
    }                                                                                                                 \
    EK_BINARY(function, type, type)

EK_MUL(ek_mul_s8, int8_t)
EK_MUL(ek_mul_s16, int16_t)

#endif
