/* MEAN, SUM, REDUCE_MAX and REDUCE_MIN on float32, over any axes. */
#ifndef EK_REDUCE_F32_H
#define EK_REDUCE_F32_H

#include "ek_float.h"

typedef struct {
    int32_t outputs;
    int32_t kept_sizes[4], kept_steps[4];       /* of the axes that stay, outermost first, steps in the input */
    int32_t reduced_sizes[4], reduced_steps[4]; /* of those that go */
    float start, divisor;
} ek_reduce_f32_params;

#define EK_REDUCE_F32(function, expression)                                                                           \
    typedef ek_reduce_f32_params function##_params;                                                                   \
    EK_SHARED void function(const ek_reduce_f32_params *p, const float *in, float *out) {                             \
        for (int32_t output = 0; output < p->outputs; output++) {                                                     \
            const float *x = in + ek_reduce_f32_at(p, output);                                                        \
            float sum = p->start;                                                                                     \
            for (int32_t i = 0; i < p->reduced_sizes[0]; i++) {                                                       \
                for (int32_t j = 0; j < p->reduced_sizes[1]; j++) {                                                   \
                    for (int32_t k = 0; k < p->reduced_sizes[2]; k++) {                                               \
                        for (int32_t l = 0; l < p->reduced_sizes[3]; l++) {                                           \
                            const float value = x[i * p->reduced_steps[0] + j * p->reduced_steps[1] +                 \
                                                  k * p->reduced_steps[2] + l * p->reduced_steps[3]];                 \
                            sum = (expression);                                                                       \
                        }                                                                                             \
                    }                                                                                                 \
                }                                                                                                     \
            }                                                                                                         \
            out[output] = sum / p->divisor;                                                                           \
        }                                                                                                             \
    }

/* Where the elements that make up an output begin. */
static inline int32_t ek_reduce_f32_at(const ek_reduce_f32_params *p, int32_t output) {
    int32_t at = 0;
    for (int32_t axis = 3; axis >= 0; axis--) {
        at += output % p->kept_sizes[axis] * p->kept_steps[axis];
        output /= p->kept_sizes[axis];
    }
    return at;
}

EK_REDUCE_F32(ek_sum_f32, sum + value)
EK_REDUCE_F32(ek_greatest_f32, sum < value ? value : sum)
EK_REDUCE_F32(ek_least_f32, value < sum ? value : sum)

#endif
