/* FULLY_CONNECTED on float32, in plain C. */
#ifndef EK_FULLY_CONNECTED_F32_H
#define EK_FULLY_CONNECTED_F32_H

#include "ek_float.h"

typedef struct {
    int32_t batches, depth, outputs;
    const float *weights; /* [outputs][depth] */
    const float *bias;
    float low, high;
} ek_fully_connected_f32_params;

EK_BODY void ek_fully_connected_f32_body(const ek_fully_connected_f32_params *p, const float *in, float *out) {
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth) {
        for (int32_t o = 0; o < p->outputs; o++) {
            const float sum = ek_dot_f32(0.0f, p->weights + o * p->depth, in, p->depth);
            *out++ = ek_clamp_f32(sum + p->bias[o], p->low, p->high);
        }
    }
}

EK_SHARED void ek_fully_connected_f32(const ek_fully_connected_f32_params *p, const float *in, float *out) {
    ek_fully_connected_f32_body(p, in, out);
}

#endif
