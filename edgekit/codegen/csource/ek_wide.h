/* Sums of 64 bits, which int16 activations times int8 weights need, and how they become outputs. */
#ifndef EK_WIDE_H
#define EK_WIDE_H

#include "ek_dsp.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#include <arm_mve.h>
#endif

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

/* c + a.low * b.low + a.high * b.high */
static inline int64_t ek_smlald(int32_t a, int32_t b, int64_t c) {
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
    return __smlald(a, b, c);
#else
    return c + (int64_t)(ek_low(a) * ek_low(b)) + (int64_t)(ek_high(a) * ek_high(b));
#endif
}

typedef struct {
    int64_t first, second;
} ek_wide_sums;

/* Adds the products with two rows of weights, `apart` from each other. Where the target multiplies 32 by 32 bits into
 * 64, each is one instruction. */
static inline void ek_wide_dot_two(ek_wide_sums *sums, const int16_t *x, const int8_t *row, int32_t apart,
                                   int32_t size) {
    int64_t first = sums->first;
    int64_t second = sums->second;
    for (int32_t i = 0; i < size; i++) {
        const int32_t value = x[i];
        first += row[i] * value;
        second += row[apart + i] * value;
    }
    sums->first = first;
    sums->second = second;
}

/* The same, four products in two instructions: of each four weights the second and third have changed places. */
static inline void ek_wide_dot_two_dsp(ek_wide_sums *sums, const int16_t *x, const int8_t *row, int32_t apart,
                                       int32_t size) {
    int64_t first = sums->first;
    int64_t second = sums->second;
    for (int32_t i = 0; i < size; i += 4) {
        int32_t pairs[2];
        memcpy(pairs, x + i, sizeof(pairs));
        const int32_t upper = ek_load(row + i);
        const int32_t lower = ek_load(row + apart + i);
        first = ek_smlald(ek_sxtb16(upper), pairs[0], first);
        first = ek_smlald(ek_sxtb16_odd(upper), pairs[1], first);
        second = ek_smlald(ek_sxtb16(lower), pairs[0], second);
        second = ek_smlald(ek_sxtb16_odd(lower), pairs[1], second);
    }
    sums->first = first;
    sums->second = second;
}

/* The same as ek_wide_dot_two with Helium, eight products an instruction. */
static inline void ek_wide_dot_two_mve(ek_wide_sums *sums, const int16_t *x, const int8_t *row, int32_t apart,
                                       int32_t size) {
#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
    int64_t first = sums->first;
    int64_t second = sums->second;
    for (; size > 0; size -= 8, x += 8, row += 8) {
        const mve_pred16_t lanes = vctp16q((uint32_t)size);
        const int16x8_t values = vldrhq_z_s16(x, lanes);
        first = vmlaldavaq_p_s16(first, values, vldrbq_z_s16(row, lanes), lanes);
        second = vmlaldavaq_p_s16(second, values, vldrbq_z_s16(row + apart, lanes), lanes);
    }
    sums->first = first;
    sums->second = second;
#else
    ek_wide_dot_two(sums, x, row, apart, size);
#endif
}

typedef enum {
    EK_WIDE_PLAIN,
    EK_WIDE_DSP, /* in the order of ek_wide_dot_two_dsp */
    EK_WIDE_MVE
} ek_wide_way;

/* Rows of weights, one an output, and how they are multiplied. */
typedef struct {
    const int8_t *weights;
    int32_t size; /* elements of a row */
    ek_wide_way way;
} ek_wide_rows;

/* The sums of row `row` and the one behind it, of `count` rows. */
EK_BODY ek_wide_sums ek_wide_two(const ek_wide_rows *rows, const int64_t *bias, const int16_t *x, int32_t row,
                                 int32_t count) {
    const int32_t next = row + 1 < count ? 1 : 0;
    const int8_t *weights = rows->weights + row * rows->size;
    ek_wide_sums sums = {bias[row], bias[row + next]};
    if (rows->way == EK_WIDE_MVE) {
        ek_wide_dot_two_mve(&sums, x, weights, next * rows->size, rows->size);
    } else if (rows->way == EK_WIDE_DSP) {
        ek_wide_dot_two_dsp(&sums, x, weights, next * rows->size, rows->size);
    } else {
        ek_wide_dot_two(&sums, x, weights, next * rows->size, rows->size);
    }
    return sums;
}

/* sum + w . x */
static inline int64_t ek_wide_dot(int64_t sum, const int8_t *w, const int16_t *x, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        sum += w[i] * (int32_t)x[i];
    }
    return sum;
}

#endif
