/* Matrix by one or two vectors with weights of 4 bits, eight of them in a word: four channels by two inputs.
 *
 * Each half of a word has the weights of four channels, each plus 8, the first channel lowest. AND leaves the first one,
 * UXTB16 leaves 16 * second + first, and of the upper byte 16 * fourth + third, and AND of that the third. What the
 * sums have too much are 8 sums of the vector. The vectors are as in ek_matrix_s8_dsp.h. */
#ifndef EK_MATRIX_S8_W4_DSP_H
#define EK_MATRIX_S8_W4_DSP_H

#include "ek_matrix_s8_dsp.h"

#define EK_NIBBLES 0x000F000F

/* Doubled sums of four channels of a vector. */
typedef struct {
    int32_t of[4];
} ek_fours_w4;

/* Sums of a word's parts over a vector. */
typedef struct {
    int32_t first, second, third, fourth;
} ek_parts_w4;

/* One word of weights by one word of a vector. */
static inline void ek_step_w4(ek_parts_w4 *sums, int32_t word, int32_t x) {
    const int32_t low = ek_uxtb16(word);
    const int32_t high = ek_uxtb16_odd(word);
    sums->first = ek_smlad(word & EK_NIBBLES, x, sums->first);
    sums->second = ek_smlad(low, x, sums->second);
    sums->third = ek_smlad(high & EK_NIBBLES, x, sums->third);
    sums->fourth = ek_smlad(high, x, sums->fourth);
}

/* `excess`: 8 sums of the vector. */
static inline ek_fours_w4 ek_doubled_w4(const ek_parts_w4 *sums, int32_t excess) {
    const ek_fours_w4 result = {{
        2 * (sums->first - excess),
        2 * (((sums->second - sums->first) >> 4) - excess),
        2 * (sums->third - excess),
        2 * (((sums->fourth - sums->third) >> 4) - excess),
    }};
    return result;
}

/* 8 sums of one of `step` vectors whose words take turns. */
static inline int32_t ek_excess_w4(const int32_t *vector, int32_t words, int32_t step) {
    int32_t sum = 0;
    for (int32_t i = 0; i < words; i++) {
        sum = ek_smlad(vector[step * i], 0x00010001, sum);
    }
    return 8 * sum;
}

/* All output channels of two vectors. */
EK_SHARED void ek_matrix_two_s8_w4_dsp(const ek_matrix_s8 *m, const int32_t *vectors, int8_t *out0, int8_t *out1) {
    const int32_t *w = m->weights;
    const int32_t *scale = m->scales;
    const int32_t excess0 = ek_excess_w4(vectors, m->words, 2);
    const int32_t excess1 = ek_excess_w4(vectors + 1, m->words, 2);
    for (int32_t left = m->channels; left > 0; left -= 4) {
        ek_parts_w4 sums0 = {0, 0, 0, 0};
        ek_parts_w4 sums1 = {0, 0, 0, 0};
        const int32_t *x = vectors;
        for (int32_t i = m->words; i > 0; i--, w++, x += 2) {
            ek_step_w4(&sums0, *w, x[0]);
            ek_step_w4(&sums1, *w, x[1]);
        }
        const ek_fours_w4 doubled0 = ek_doubled_w4(&sums0, excess0);
        const ek_fours_w4 doubled1 = ek_doubled_w4(&sums1, excess1);
        for (int32_t i = 0; i < ek_min(left, 4); i++, scale += 4) {
            ek_store_two_s8_dsp(doubled0.of[i], doubled1.of[i], scale, out0++, out1++);
        }
    }
}

/* All output channels of one vector. */
EK_SHARED void ek_matrix_one_s8_w4_dsp(const ek_matrix_s8 *m, const int32_t *vector, int8_t *out) {
    const int32_t *w = m->weights;
    const int32_t *scale = m->scales;
    const int32_t excess = ek_excess_w4(vector, m->words, 1);
    for (int32_t left = m->channels; left > 0; left -= 4) {
        ek_parts_w4 sums = {0, 0, 0, 0};
        for (int32_t i = 0; i < m->words; i++) {
            ek_step_w4(&sums, *w++, vector[i]);
        }
        const ek_fours_w4 doubled = ek_doubled_w4(&sums, excess);
        for (int32_t i = 0; i < ek_min(left, 4); i++, scale += 4) {
            ek_store_one_s8_dsp(doubled.of[i], scale, m->rounds_once, out++);
        }
    }
}

#endif
