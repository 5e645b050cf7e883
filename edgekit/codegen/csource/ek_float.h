/* What every float32 kernel needs. Sums are taken in the order of TFLite's reference kernels, so results are theirs bit
 * for bit where the compiler does not contract a * b + c into one rounding: clang is told so here, gcc by -std=c99 or
 * -ffp-contract=off. Contracted, they differ by rounding. */
#ifndef EK_FLOAT_H
#define EK_FLOAT_H

#include "ek.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

static inline float ek_clamp_f32(float x, float low, float high) {
    const float raised = x < low ? low : x;
    return raised > high ? high : raised;
}

/* a . b, first to last. */
static inline float ek_dot_f32(float sum, const float *a, const float *b, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* Rows of weights, one an output, and what is done to their sums. */
typedef struct {
    const float *weights, *bias;
    int32_t size;
    float low, high;
} ek_layer_f32;

/* The outputs [first, first + count) of one vector; those of four rows at a time, each sum from first to last. */
EK_BODY void ek_layer_outputs_f32(const ek_layer_f32 *p, const float *x, int32_t first, int32_t count, float *out) {
    const float *w = p->weights + first * p->size;
    const float *bias = p->bias + first;
    for (out += first; count >= 4; count -= 4, w += 3 * p->size) {
        float sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        for (int32_t i = 0; i < p->size; i++, w++) {
            sums[0] += x[i] * w[0];
            sums[1] += x[i] * w[p->size];
            sums[2] += x[i] * w[2 * p->size];
            sums[3] += x[i] * w[3 * p->size];
        }
        for (int32_t i = 0; i < 4; i++) {
            *out++ = ek_clamp_f32(sums[i] + *bias++, p->low, p->high);
        }
    }
    for (; count > 0; count--, w += p->size) {
        *out++ = ek_clamp_f32(ek_dot_f32(0.0f, w, x, p->size) + *bias++, p->low, p->high);
    }
}

#endif
