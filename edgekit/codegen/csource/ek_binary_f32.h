/* Operators of two float32 operands. */
#ifndef EK_BINARY_F32_H
#define EK_BINARY_F32_H

#include "ek_binary.h"
#include "ek_float.h"

typedef struct {
    ek_pairs pairs;
    const float *constant; /* operand b where it is one */
    int32_t is_swapped;    /* b is the operator's first operand */
    float low, high;
} ek_binary_f32_params;

#define EK_BINARY_F32(function, expression)                                                                           \
    typedef ek_binary_f32_params function##_params;                                                                   \
    static inline float function##_one(const ek_binary_f32_params *p, float a, float b) {                             \
        const float x = p->is_swapped ? b : a;                                                                        \
        const float y = p->is_swapped ? a : b;                                                                        \
        return ek_clamp_f32((expression), p->low, p->high);                                                           \
    }                                                                                                                 \
    EK_BINARY(function, float, float)

EK_BINARY_F32(ek_add_f32, x + y)
EK_BINARY_F32(ek_sub_f32, x - y)
EK_BINARY_F32(ek_mul_f32, x *y)
EK_BINARY_F32(ek_div_f32, x / y)
EK_BINARY_F32(ek_squared_difference_f32, (x - y) * (x - y))
EK_BINARY_F32(ek_maximum_f32, x > y ? x : y)
EK_BINARY_F32(ek_minimum_f32, x < y ? x : y)
EK_BINARY_F32(ek_prelu_f32, x >= 0.0f ? x : x * y)

/* Comparisons: 1 or 0. */
#define EK_COMPARE_F32(function, expression)                                                                          \
    typedef ek_binary_f32_params function##_params;                                                                   \
    static inline int32_t function##_one(const ek_binary_f32_params *p, float a, float b) {                           \
        const float x = p->is_swapped ? b : a;                                                                        \
        const float y = p->is_swapped ? a : b;                                                                        \
        return (expression) ? 1 : 0;                                                                                  \
    }                                                                                                                 \
    EK_BINARY(function, float, uint8_t)

EK_COMPARE_F32(ek_equal_f32, x == y)
EK_COMPARE_F32(ek_not_equal_f32, x != y)
EK_COMPARE_F32(ek_less_f32, x < y)
EK_COMPARE_F32(ek_less_equal_f32, x <= y)
EK_COMPARE_F32(ek_greater_f32, x > y)
EK_COMPARE_F32(ek_greater_equal_f32, x >= y)

#endif
