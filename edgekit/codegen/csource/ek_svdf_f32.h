/* SVDF on float32. */
#ifndef EK_SVDF_F32_H
#define EK_SVDF_F32_H

#include "ek_float.h"

typedef struct {
    int32_t batches, inputs, units, rank, memory;
    const float *feature_weights; /* [units * rank][inputs] */
    const float *time_weights;    /* [units * rank][memory] */
    const float *bias;            /* [units] */
    float low, high;
} ek_svdf_f32_params;

/* An output from the memories of its `rank` filters. */
EK_BODY float ek_svdf_f32_unit(const ek_svdf_f32_params *p, const float *memory, int32_t unit) {
    float sum = 0.0f;
    for (int32_t filter = unit * p->rank; filter < (unit + 1) * p->rank; filter++) {
        sum += ek_dot_f32(0.0f, p->time_weights + filter * p->memory, memory + filter * p->memory, p->memory);
    }
    return ek_clamp_f32(sum + p->bias[unit], p->low, p->high);
}

EK_SHARED void ek_svdf_f32(const ek_svdf_f32_params *p, const float *in, float *out, float *memory) {
    const int32_t filters = p->units * p->rank;
    const int32_t entries = filters * p->memory;
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->inputs, memory += entries) {
        memmove(memory, memory + 1, (size_t)(entries - 1) * sizeof(float));
        for (int32_t filter = 0; filter < filters; filter++) {
            const float *w = p->feature_weights + filter * p->inputs;
            memory[(filter + 1) * p->memory - 1] = ek_dot_f32(0.0f, w, in, p->inputs);
        }
        for (int32_t unit = 0; unit < p->units; unit++) {
            *out++ = ek_svdf_f32_unit(p, memory, unit);
        }
    }
}

#endif
