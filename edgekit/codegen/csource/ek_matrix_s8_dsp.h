/* Matrix by one or two vectors on int8, two products an instruction: what convolutions and fully connected layers are
 * made of.
 *
 * A vector is widened once to words of two halves (ek_widen_s8_dsp). Weights of two output channels A and B share a
 * word: each of its halves is 256 * B + A. Multiplied as it is, it sums 256 * (sum of B) + (sum of A); SXTB16 leaves A,
 * which sums by itself; the difference is 256 * (sum of B), exact where the sum of B has at most 24 bits, which the
 * generator has made sure of. Sums leave doubled, as SMMLAR wants them. */
#ifndef EK_MATRIX_S8_DSP_H
#define EK_MATRIX_S8_DSP_H

#include "ek_dsp.h"

typedef struct {
    const int32_t *weights; /* [channels / 4][words][2]: channels 4i and 4i + 1, 4i + 2 and 4i + 3 */
    const int32_t *scales;  /* [channels][4]: twice the bias, mantissa, addend, exponent */
    int32_t words;          /* of a vector; a multiple of 4 */
    int32_t channels;       /* of the output; both arrays are filled up to a multiple of 4 */
    int32_t low, high;
    int32_t rounds_once;
} ek_matrix_s8;

/* Bytes to words of two halves: (0, 2) and (1, 3) of each four, then (0, 1) and (2, nothing) of what remains; each
 * word goes `step` words after the one before. Returns where the next word goes. */
EK_SHARED int32_t *ek_widen_s8_dsp(const int8_t *from, int32_t bytes, int32_t *to, int32_t step) {
    for (; bytes >= 4; bytes -= 4, from += 4, to += 2 * step) {
        const int32_t word = ek_load(from);
        to[0] = ek_sxtb16(word);
        to[step] = ek_sxtb16_odd(word);
    }
    for (; bytes > 0; bytes -= 2, from += 2, to += step) {
        const uint32_t next = bytes > 1 ? (uint32_t)from[1] : 0u;
        *to = (int32_t)(((uint32_t)from[0] & 0xFFFFu) | (next << 16));
    }
    return to;
}

/* A doubled sum as an output, in two roundings: half, the output's zero point and the shift are in `scale`. */
static inline int8_t ek_scaled_s8_dsp(int32_t doubled, const int32_t *scale) {
    const int32_t product = ek_smmlar(doubled, scale[1], scale[2]);
    return (int8_t)ek_ssat8((product + (doubled >> 31)) >> scale[3]);
}

static inline int8_t ek_scaled_once_s8_dsp(int32_t doubled, const int32_t *scale) {
    return (int8_t)ek_ssat8(ek_smmla(doubled, scale[1], scale[2]) >> scale[3]);
}

/* Twice a sum with its bias, of an A and of a B. */
static inline int32_t ek_doubled_a(int32_t a, const int32_t *scale) {
    return (int32_t)((uint32_t)scale[0] + ((uint32_t)a << 1));
}

static inline int32_t ek_doubled_b(int32_t both, int32_t a, const int32_t *scale) {
    return (int32_t)((uint32_t)scale[0] + (uint32_t)((int32_t)((uint32_t)both - (uint32_t)a) >> 7));
}

/* A narrower range than int8's, for outputs that are written already. */
EK_SHARED void ek_clamp_s8(int8_t *values, int32_t count, int32_t low, int32_t high) {
    for (int32_t i = 0; i < count; i++) {
        values[i] = (int8_t)ek_clamp(values[i], low, high);
    }
}

/* One word of two vectors by one word of four channels. */
#define EK_STEP_TWO(i)                                 \
    {                                                  \
        int32_t ab = w[2 * (i)], cd = w[2 * (i) + 1];  \
        const int32_t x0 = x[2 * (i)];                 \
        const int32_t x1 = x[2 * (i) + 1];             \
        ab0 = ek_smlad(ab, x0, ab0);                   \
        ab1 = ek_smlad(ab, x1, ab1);                   \
        cd0 = ek_smlad(cd, x0, cd0);                   \
        cd1 = ek_smlad(cd, x1, cd1);                   \
        ab = ek_sxtb16(ab);                            \
        cd = ek_sxtb16(cd);                            \
        a0 = ek_smlad(ab, x0, a0);                     \
        a1 = ek_smlad(ab, x1, a1);                     \
        c0 = ek_smlad(cd, x0, c0);                     \
        c1 = ek_smlad(cd, x1, c1);                     \
    }

/* All output channels of two vectors, whose words take turns in `vectors`. */
EK_SHARED void ek_matrix_two_s8_dsp(const ek_matrix_s8 *m, const int32_t *vectors, int8_t *out0, int8_t *out1) {
    const int32_t *w = m->weights;
    const int32_t *scale = m->scales;
    const int32_t *const end = vectors + 2 * m->words;
    int8_t last[8];
    for (int32_t left = m->channels; left > 0; left -= 4, scale += 16) {
        const int32_t *x = vectors;
        int8_t *to0 = left >= 4 ? out0 : last;
        int8_t *to1 = left >= 4 ? out1 : last + 4;
        int32_t ab0 = 0, ab1 = 0, cd0 = 0, cd1 = 0, a0 = 0, a1 = 0, c0 = 0, c1 = 0;
        do {
            EK_STEP_TWO(0)
            EK_STEP_TWO(1)
            EK_STEP_TWO(2)
            EK_STEP_TWO(3)
            x += 8;
            w += 8;
        } while (x != end);
        to0[0] = ek_scaled_s8_dsp(ek_doubled_a(a0, scale), scale);
        to1[0] = ek_scaled_s8_dsp(ek_doubled_a(a1, scale), scale);
        to0[1] = ek_scaled_s8_dsp(ek_doubled_b(ab0, a0, scale + 4), scale + 4);
        to1[1] = ek_scaled_s8_dsp(ek_doubled_b(ab1, a1, scale + 4), scale + 4);
        to0[2] = ek_scaled_s8_dsp(ek_doubled_a(c0, scale + 8), scale + 8);
        to1[2] = ek_scaled_s8_dsp(ek_doubled_a(c1, scale + 8), scale + 8);
        to0[3] = ek_scaled_s8_dsp(ek_doubled_b(cd0, c0, scale + 12), scale + 12);
        to1[3] = ek_scaled_s8_dsp(ek_doubled_b(cd1, c1, scale + 12), scale + 12);
        if (left >= 4) {
            out0 += 4;
            out1 += 4;
        }
    }
    const size_t rest = (size_t)(m->channels & 3);
    memcpy(out0, last, rest);
    memcpy(out1, last + 4, rest);
}

/* One word of a vector by one word of four channels. */
#define EK_STEP_ONE(i)                                \
    {                                                 \
        int32_t ab = w[2 * (i)], cd = w[2 * (i) + 1]; \
        const int32_t x0 = x[i];                      \
        ab0 = ek_smlad(ab, x0, ab0);                  \
        cd0 = ek_smlad(cd, x0, cd0);                  \
        a0 = ek_smlad(ek_sxtb16(ab), x0, a0);         \
        c0 = ek_smlad(ek_sxtb16(cd), x0, c0);         \
    }

/* All output channels of one vector. */
EK_SHARED void ek_matrix_one_s8_dsp(const ek_matrix_s8 *m, const int32_t *vector, int8_t *out) {
    const int32_t *w = m->weights;
    const int32_t *scale = m->scales;
    const int32_t *const end = vector + m->words;
    for (int32_t left = m->channels; left > 0; left -= 4) {
        const int32_t *x = vector;
        int32_t ab0 = 0, cd0 = 0, a0 = 0, c0 = 0;
        do {
            EK_STEP_ONE(0)
            EK_STEP_ONE(1)
            EK_STEP_ONE(2)
            EK_STEP_ONE(3)
            x += 4;
            w += 8;
        } while (x != end);
        const int32_t sums[4] = {ek_doubled_a(a0, scale), ek_doubled_b(ab0, a0, scale + 4),
                                 ek_doubled_a(c0, scale + 8), ek_doubled_b(cd0, c0, scale + 12)};
        for (int32_t i = 0; i < ek_min(left, 4); i++, scale += 4) {
            *out++ = m->rounds_once ? ek_scaled_once_s8_dsp(sums[i], scale) : ek_scaled_s8_dsp(sums[i], scale);
        }
    }
}

#endif
