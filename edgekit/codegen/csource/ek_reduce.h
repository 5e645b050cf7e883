/* MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL. */
#ifndef EK_REDUCE_H
#define EK_REDUCE_H

#include "ek.h"

/* Up to three axes that stay, in the output's order, and three that go; steps in elements of the input. */
typedef struct {
    int32_t kept_sizes[3], kept_steps[3];
    int32_t gone_sizes[3], gone_steps[3];
    int32_t zero_points, mantissa, shift, out_zero_point; /* of sums: the input's zero point, as often as it is added */
} ek_reduce_params;

typedef enum { EK_REDUCE_SUM, EK_REDUCE_MAX, EK_REDUCE_MIN } ek_reduce_kind;

#define EK_REDUCE(function, type, kind, least, most)                                                                  \
    typedef ek_reduce_params function##_params;                                                                       \
    EK_BODY type function##_one(const ek_reduce_params *p, const type *in) {                                          \
        int32_t found = (kind) == EK_REDUCE_SUM ? 0 : *in;                                                            \
        for (int32_t i = 0; i < p->gone_sizes[0]; i++) {                                                              \
            for (int32_t j = 0; j < p->gone_sizes[1]; j++) {                                                          \
                const type *at = in + i * p->gone_steps[0] + j * p->gone_steps[1];                                    \
                for (int32_t k = 0; k < p->gone_sizes[2]; k++) {                                                      \
                    const int32_t value = at[k * p->gone_steps[2]];                                                   \
                    found = (kind) == EK_REDUCE_SUM   ? found + value                                                 \
                            : (kind) == EK_REDUCE_MAX ? ek_max(found, value)                                          \
                                                      : ek_min(found, value);                                         \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
        if ((kind) == EK_REDUCE_SUM) {                                                                                \
            found = ek_requantize(found - p->zero_points, p->mantissa, p->shift) + p->out_zero_point;                 \
            found = ek_clamp(found, least, most);                                                                     \
        }                                                                                                             \
        return (type)found;                                                                                           \
    }                                                                                                                 \
    EK_SHARED void function(const ek_reduce_params *p, const type *in, type *out) {                                   \
        for (int32_t i = 0; i < p->kept_sizes[0]; i++) {                                                              \
            for (int32_t j = 0; j < p->kept_sizes[1]; j++) {                                                          \
                for (int32_t k = 0; k < p->kept_sizes[2]; k++) {                                                      \
                    *out++ = function##_one(                                                                          \
                        p, in + i * p->kept_steps[0] + j * p->kept_steps[1] + k * p->kept_steps[2]);                  \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
    }

EK_REDUCE(ek_reduce_sum_s8, int8_t, EK_REDUCE_SUM, INT8_MIN, INT8_MAX)
EK_REDUCE(ek_reduce_sum_s16, int16_t, EK_REDUCE_SUM, INT16_MIN, INT16_MAX)
EK_REDUCE(ek_reduce_max_s8, int8_t, EK_REDUCE_MAX, 0, 0)
EK_REDUCE(ek_reduce_max_s16, int16_t, EK_REDUCE_MAX, 0, 0)
EK_REDUCE(ek_reduce_max_s32, int32_t, EK_REDUCE_MAX, 0, 0)
EK_REDUCE(ek_reduce_max_b8, uint8_t, EK_REDUCE_MAX, 0, 0)
EK_REDUCE(ek_reduce_min_s8, int8_t, EK_REDUCE_MIN, 0, 0)
EK_REDUCE(ek_reduce_min_s16, int16_t, EK_REDUCE_MIN, 0, 0)
EK_REDUCE(ek_reduce_min_s32, int32_t, EK_REDUCE_MIN, 0, 0)
EK_REDUCE(ek_reduce_min_b8, uint8_t, EK_REDUCE_MIN, 0, 0)

#endif
