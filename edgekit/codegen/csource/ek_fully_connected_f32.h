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

EK_SHARED void ek_fully_connected_f32(const ek_fully_connected_f32_params *p, const float *in, float *out) {
    const ek_layer_f32 layer = {p->weights, p->bias, p->depth, p->low, p->high};
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth, out += p->outputs) {
        ek_layer_outputs_f32(&layer, in, 0, p->outputs, out);
    }
}

#endif
