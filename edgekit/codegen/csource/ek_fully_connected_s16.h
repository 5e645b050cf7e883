/* FULLY_CONNECTED on int16 activations and int8 weights, in plain C. */
#ifndef EK_FULLY_CONNECTED_S16_H
#define EK_FULLY_CONNECTED_S16_H

#include "ek_wide.h"

typedef struct {
    int32_t batches, depth, outputs;
    const int8_t *weights; /* [outputs][depth] */
    ek_wide_scale scale;
} ek_fully_connected_s16_params;

EK_BODY void ek_fully_connected_s16_body(const ek_fully_connected_s16_params *p, const int16_t *in, int16_t *out) {
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth) {
        for (int32_t o = 0; o < p->outputs; o++) {
            const int64_t sum = ek_wide_dot(p->scale.bias[o], p->weights + o * p->depth, in, p->depth);
            *out++ = ek_wide_output(&p->scale, sum, o);
        }
    }
}

EK_SHARED void ek_fully_connected_s16(const ek_fully_connected_s16_params *p, const int16_t *in, int16_t *out) {
    ek_fully_connected_s16_body(p, in, out);
}

#endif
