/* MUL on int8 and int16. */
#ifndef EK_MUL_H
#define EK_MUL_H

#include "ek_binary.h"

/* product * 2 * mantissa / 2^32 to nearest, then / 2^shift, halves away from zero, for shift > 0; `half` is half of
 * 2^shift. (Where the first rounding gives 0, the sign does not matter.) */
EK_BODY int32_t ek_mul_scale(int32_t product, int32_t mantissa, int32_t half, int32_t shift) {
    const int32_t high = (int32_t)(((int64_t)(product * 2) * mantissa + (INT64_C(1) << 31)) >> 32);
    return (high + half + (product >> 31)) >> shift;
}

#define EK_MUL(function, type, scaled)                                                                                \
    typedef struct {                                                                                                  \
        ek_pairs pairs;                                                                                               \
        const type *constant;                                                                                         \
        int32_t a_zero_point, b_zero_point, mantissa, half, shift, out_zero_point, low, high;                         \
    } function##_params;                                                                                              \
    EK_BODY int32_t function##_one(const function##_params *p, int32_t a, int32_t b) {                                \
        const int32_t product = (a - p->a_zero_point) * (b - p->b_zero_point);                                        \
        return ek_clamp((scaled) + p->out_zero_point, p->low, p->high);                                               \
    }                                                                                                                 \
    EK_BINARY(function, type, type)

EK_MUL(ek_mul_s8, int8_t, ek_mul_scale(product, p->mantissa, p->half, p->shift))
EK_MUL(ek_mul_up_s8, int8_t, ek_requantize(product, p->mantissa, p->shift))
EK_MUL(ek_mul_s16, int16_t, ek_requantize(product, p->mantissa, p->shift))

#endif
