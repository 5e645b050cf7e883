/* SOFTMAX on float32, along the last axis. */
#ifndef EK_SOFTMAX_F32_H
#define EK_SOFTMAX_F32_H

#include "ek_math_f32.h"

typedef struct {
    int32_t rows, depth;
    float beta;
} ek_softmax_f32_params;

EK_SHARED void ek_softmax_f32(const ek_softmax_f32_params *p, const float *in, float *out) {
    for (int32_t row = 0; row < p->rows; row++, in += p->depth, out += p->depth) {
        float greatest = in[0];
        for (int32_t i = 1; i < p->depth; i++) {
            greatest = in[i] > greatest ? in[i] : greatest;
        }
        float sum = 0.0f;
        for (int32_t i = 0; i < p->depth; i++) {
            out[i] = ek_exp_f32((in[i] - greatest) * p->beta);
            sum += out[i];
        }
        for (int32_t i = 0; i < p->depth; i++) {
            out[i] = out[i] / sum;
        }
    }
}

#endif
