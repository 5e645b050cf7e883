/* ARG_MAX and ARG_MIN: the first of the greatest, or of the least. */
#ifndef EK_ARG_H
#define EK_ARG_H

#include "ek.h"

typedef struct {
    int32_t outer, count, inner; /* the axis that is searched has `count` elements, `inner` apart */
    int32_t is_min;
    int32_t is_long; /* indices have 64 bits */
} ek_arg_params;

EK_SHARED void ek_arg_put(const ek_arg_params *p, void *out, int32_t place, int32_t index) {
    if (p->is_long) {
        const int64_t wide = index;
        memcpy((uint8_t *)out + 8 * place, &wide, sizeof wide);
    } else {
        memcpy((uint8_t *)out + 4 * place, &index, sizeof index);
    }
}

#define EK_ARG(function, type)                                                                                        \
    typedef ek_arg_params function##_params;                                                                          \
    EK_SHARED void function(const ek_arg_params *p, const type *in, void *out) {                                      \
        for (int32_t o = 0; o < p->outer; o++) {                                                                      \
            for (int32_t i = 0; i < p->inner; i++) {                                                                  \
                const type *axis = in + o * p->count * p->inner + i;                                                  \
                int32_t best = 0;                                                                                     \
                for (int32_t k = 1; k < p->count; k++) {                                                              \
                    const type value = axis[k * p->inner];                                                            \
                    const type record = axis[best * p->inner];                                                        \
                    if (p->is_min ? value < record : value > record) {                                                \
                        best = k;                                                                                     \
                    }                                                                                                 \
                }                                                                                                     \
                ek_arg_put(p, out, o * p->inner + i, best);                                                           \
            }                                                                                                         \
        }                                                                                                             \
    }

EK_ARG(ek_arg_s8, int8_t)
EK_ARG(ek_arg_s32, int32_t)
EK_ARG(ek_arg_u8, uint8_t)
EK_ARG(ek_arg_f32, float)

#endif
