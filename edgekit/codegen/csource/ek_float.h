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

#endif
