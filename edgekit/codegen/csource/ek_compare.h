/* MAXIMUM, MINIMUM; EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL; LOGICAL_AND, LOGICAL_OR. */
#ifndef EK_COMPARE_H
#define EK_COMPARE_H

#include "ek_binary.h"

#define EK_CHOOSE(function, type, choice)                                                                             \
    typedef struct {                                                                                                  \
        ek_pairs pairs;                                                                                               \
        const type *constant;                                                                                         \
    } function##_params;                                                                                              \
    EK_BODY int32_t function##_one(const function##_params *p, int32_t a, int32_t b) {                                \
        (void)p;                                                                                                      \
        return choice;                                                                                                \
    }                                                                                                                 \
    EK_BINARY(function, type, type)

EK_CHOOSE(ek_maximum_s8, int8_t, ek_max(a, b))
EK_CHOOSE(ek_maximum_s16, int16_t, ek_max(a, b))
EK_CHOOSE(ek_maximum_s32, int32_t, ek_max(a, b))
EK_CHOOSE(ek_minimum_s8, int8_t, ek_min(a, b))
EK_CHOOSE(ek_minimum_s16, int16_t, ek_min(a, b))
EK_CHOOSE(ek_minimum_s32, int32_t, ek_min(a, b))
EK_CHOOSE(ek_logical_and_b8, uint8_t, a != 0 && b != 0)
EK_CHOOSE(ek_logical_or_b8, uint8_t, a != 0 || b != 0)

/* `when` has a bit for each outcome that counts as true: 1 a < b, 2 a == b, 4 a > b. */
EK_BODY int32_t ek_compare_outcome(int32_t when, int32_t a, int32_t b) {
    return (when >> ((a >= b) + (a > b))) & 1;
}

#define EK_COMPARE(function, type)                                                                                    \
    typedef struct {                                                                                                  \
        ek_pairs pairs;                                                                                               \
        const type *constant;                                                                                         \
        int32_t when;                                                                                                 \
    } function##_params;                                                                                              \
    EK_BODY int32_t function##_one(const function##_params *p, int32_t a, int32_t b) {                                \
        return ek_compare_outcome(p->when, a, b);                                                                     \
    }                                                                                                                 \
    EK_BINARY(function, type, uint8_t)

EK_COMPARE(ek_compare_b8, uint8_t)
EK_COMPARE(ek_compare_s16, int16_t)
EK_COMPARE(ek_compare_s32, int32_t)

/* On scales of their own: both are brought to reals with 8 bits of fraction. */
#define EK_COMPARE_SCALED(function, type)                                                                             \
    typedef struct {                                                                                                  \
        ek_pairs pairs;                                                                                               \
        const type *constant;                                                                                         \
        int32_t when, a_zero_point, a_mantissa, a_shift, b_zero_point, b_mantissa, b_shift;                           \
    } function##_params;                                                                                              \
    EK_BODY int32_t function##_one(const function##_params *p, int32_t a, int32_t b) {                                \
        const int32_t left = ek_requantize((a - p->a_zero_point) * 256, p->a_mantissa, p->a_shift);                   \
        const int32_t right = ek_requantize((b - p->b_zero_point) * 256, p->b_mantissa, p->b_shift);                  \
        return ek_compare_outcome(p->when, left, right);                                                              \
    }                                                                                                                 \
    EK_BINARY(function, type, uint8_t)

EK_COMPARE_SCALED(ek_compare_scaled_s8, int8_t)
EK_COMPARE_SCALED(ek_compare_scaled_s16, int16_t)

#endif
