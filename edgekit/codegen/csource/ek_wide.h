/* Sums of 64 bits, which int16 activations times int8 weights need, and how they become outputs. */
#ifndef EK_WIDE_H
#define EK_WIDE_H

#include "ek.h"

/* From sums to outputs. */
typedef struct {
    int32_t rounds_once;
    const int64_t *bias;
    const int32_t *mantissas;
    const int8_t *shifts; /* to the right where it rounds once, else as ek_requantize takes them */
    int32_t low, high;
} ek_wide_scale;

/* The output of a channel, of a sum with the bias in it. Rounding once is TFLite's MultiplyByQuantizedMultiplier on
 * int64, with a mantissa of 15 bits and |sum| < 2^47. */
static inline int16_t ek_wide_output(const ek_wide_scale *p, int64_t sum, int32_t channel) {
    const int32_t mantissa = p->mantissas[channel];
    const int32_t shift = p->shifts[channel];
    if (p->rounds_once) {
        const int64_t scaled = (sum * mantissa + (INT64_C(1) << (shift - 1))) >> shift;
        return (int16_t)ek_clamp((int32_t)scaled, p->low, p->high);
    }
    return (int16_t)ek_clamp(ek_requantize((int32_t)sum, mantissa, shift), p->low, p->high);
}

/* sum + w . x; where the target multiplies 32 by 32 bits into 64, each step is one instruction. */
static inline int64_t ek_wide_dot(int64_t sum, const int8_t *w, const int16_t *x, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        sum += (int32_t)w[i] * x[i];
    }
    return sum;
}

#endif
