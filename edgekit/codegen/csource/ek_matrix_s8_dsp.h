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

/* The last bytes of a vector as a word. */
static inline int32_t ek_rest_s8_dsp(const int8_t *from, int32_t bytes) {
    const uint32_t next = bytes > 1 ? (uint32_t)from[1] : 0u;
    return (int32_t)(((uint32_t)from[0] & 0xFFFFu) | (next << 16));
}

/* Bytes to words of two halves: (0, 2) and (1, 3) of each four, then (0, 1) and (2, nothing) of what remains. Returns
 * where the next word goes. */
EK_SHARED int32_t *ek_widen_one_s8_dsp(const int8_t *from, int32_t bytes, int32_t *to) {
    for (; bytes >= 4; bytes -= 4) {
        const int32_t word = ek_load(from);
        from += 4;
        *to++ = ek_sxtb16(word);
        *to++ = ek_sxtb16_odd(word);
    }
    for (; bytes > 0; bytes -= 2, from += 2) {
        *to++ = ek_rest_s8_dsp(from, bytes);
    }
    return to;
}

/* Two vectors, whose words take turns. */
EK_SHARED int32_t *ek_widen_two_s8_dsp(const int8_t *from0, const int8_t *from1, int32_t bytes, int32_t *to) {
    for (; bytes >= 4; bytes -= 4) {
        const int32_t word0 = ek_load(from0);
        const int32_t word1 = ek_load(from1);
        from0 += 4;
        from1 += 4;
        *to++ = ek_sxtb16(word0);
        *to++ = ek_sxtb16(word1);
        *to++ = ek_sxtb16_odd(word0);
        *to++ = ek_sxtb16_odd(word1);
    }
    for (; bytes > 0; bytes -= 2, from0 += 2, from1 += 2) {
        *to++ = ek_rest_s8_dsp(from0, bytes);
        *to++ = ek_rest_s8_dsp(from1, bytes);
    }
    return to;
}

/* Twice a sum of A. */
static inline int32_t ek_doubled_a(int32_t a) { return (int32_t)((uint32_t)a << 1); }

/* Twice a sum of B. */
static inline int32_t ek_doubled_b(int32_t both, int32_t a) { return (int32_t)((uint32_t)both - (uint32_t)a) >> 7; }

static inline int32_t ek_wrapping_add(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }

/* A channel of two pixels from its doubled sums. */
static inline void ek_store_two_s8_dsp(int32_t doubled0, int32_t doubled1, const int32_t *scale, int8_t *to0,
                                       int8_t *to1) {
    const int32_t bias = scale[0], mantissa = scale[1], addend = scale[2], exponent = scale[3];
    const int8_t value0 = ek_scaled_s8_dsp(ek_wrapping_add(bias, doubled0), mantissa, addend, exponent);
    const int8_t value1 = ek_scaled_s8_dsp(ek_wrapping_add(bias, doubled1), mantissa, addend, exponent);
    *to0 = value0;
    *to1 = value1;
}

/* One word of two vectors by one word of four channels. */
#if defined(EK_HAS_DSP_ASSEMBLY)
#define EK_TEXT_TWO                     \
    "ldrd %[p], %[q], [%[w]], #8\n\t"   \
    "ldrd %[s], %[t], [%[x]], #8\n\t"   \
    "smlad %[ab0], %[p], %[s], %[ab0]\n\t" \
    "smlad %[ab1], %[p], %[t], %[ab1]\n\t" \
    "smlad %[cd0], %[q], %[s], %[cd0]\n\t" \
    "smlad %[cd1], %[q], %[t], %[cd1]\n\t" \
    "sxtb16 %[p], %[p]\n\t"             \
    "sxtb16 %[q], %[q]\n\t"             \
    "smlad %[a0], %[p], %[s], %[a0]\n\t" \
    "smlad %[a1], %[p], %[t], %[a1]\n\t" \
    "smlad %[c0], %[q], %[s], %[c0]\n\t" \
    "smlad %[c1], %[q], %[t], %[c1]\n\t"
#define EK_LOOP_TWO                                                                                          \
    {                                                                                                        \
        int32_t p, q, s, t;                                                                                  \
        __asm__("ldr %[p], %[words]\n\ttst %[p], #4\n\tbne 2f\n\t"                                            \
                "1:\n\t" EK_TEXT_TWO EK_TEXT_TWO EK_TEXT_TWO EK_TEXT_TWO                                     \
                "2:\n\t" EK_TEXT_TWO EK_TEXT_TWO EK_TEXT_TWO EK_TEXT_TWO                                     \
                "ldr %[p], %[end]\n\tcmp %[p], %[x]\n\tbne 1b"                                               \
                : [ab0] "+r"(ab0), [ab1] "+r"(ab1), [cd0] "+r"(cd0), [cd1] "+r"(cd1), [a0] "+r"(a0),         \
                  [a1] "+r"(a1), [c0] "+r"(c0), [c1] "+r"(c1), [w] "+r"(w), [x] "+r"(x), [p] "=&r"(p),       \
                  [q] "=&r"(q), [s] "=&r"(s), [t] "=&r"(t)                                                   \
                : [end] "m"(end), [words] "m"(words)                                                         \
                : "cc", "memory");                                                                           \
    }
#else
#define EK_STEP_TWO                    \
    {                                  \
        int32_t ab = w[0], cd = w[1];  \
        const int32_t x0 = x[0];       \
        const int32_t x1 = x[1];       \
        ab0 = ek_smlad(ab, x0, ab0);   \
        ab1 = ek_smlad(ab, x1, ab1);   \
        cd0 = ek_smlad(cd, x0, cd0);   \
        cd1 = ek_smlad(cd, x1, cd1);   \
        ab = ek_sxtb16(ab);            \
        cd = ek_sxtb16(cd);            \
        a0 = ek_smlad(ab, x0, a0);     \
        a1 = ek_smlad(ab, x1, a1);     \
        c0 = ek_smlad(cd, x0, c0);     \
        c1 = ek_smlad(cd, x1, c1);     \
        w += 2;                        \
        x += 2;                        \
    }
#define EK_LOOP_TWO                                     \
    do {                                                \
        EK_STEP_TWO EK_STEP_TWO EK_STEP_TWO EK_STEP_TWO \
    } while (x != end);
#endif

/* Two channels of two vectors: their sums become outputs; then on to the next channels. */
#if defined(EK_HAS_DSP_ASSEMBLY)
#define EK_STORE_TWO(sum0, sum1, shift)                                                                               \
    {                                                                                                                 \
        int32_t p, q, s, t;                                                                                           \
        __asm__ volatile("ldrd %[p], %[q], [%[scale]], #8\n\t"                                                        \
                         "add %[x0], %[p], %[x0], " shift "\n\tadd %[x1], %[p], %[x1], " shift "\n\t"                 \
                         "ldrd %[p], %[s], [%[scale]], #8\n\t"                                                        \
                         "smmlar %[t], %[x0], %[q], %[p]\n\tsmmlar %[p], %[x1], %[q], %[p]\n\t"                       \
                         "add %[x0], %[t], %[x0], asr #31\n\tadd %[x1], %[p], %[x1], asr #31\n\t"                     \
                         "asr %[x0], %[x0], %[s]\n\tasr %[x1], %[x1], %[s]\n\t"                                       \
                         "ssat %[x0], #8, %[x0]\n\tssat %[x1], #8, %[x1]\n\t"                                         \
                         "strb %[x0], [%[out0]], #1\n\tstrb %[x1], [%[out1]], #1"                                     \
                         : [x0] "+r"(sum0), [x1] "+r"(sum1), [scale] "+r"(scale), [out0] "+r"(out0),                  \
                           [out1] "+r"(out1), [p] "=&r"(p), [q] "=&r"(q), [s] "=&r"(s), [t] "=&r"(t)                  \
                         :                                                                                            \
                         : "memory");                                                                                 \
    }
#define EK_STORE_AB(a0, a1, both0, both1)              \
    both0 = (int32_t)((uint32_t)both0 - (uint32_t)a0); \
    both1 = (int32_t)((uint32_t)both1 - (uint32_t)a1); \
    EK_STORE_TWO(a0, a1, "lsl #1")                     \
    EK_STORE_TWO(both0, both1, "asr #7")
#else
#define EK_STORE_AB(a0, a1, both0, both1)                                                                \
    ek_store_two_s8_dsp(ek_doubled_a(a0), ek_doubled_a(a1), scale, out0++, out1++);                        \
    ek_store_two_s8_dsp(ek_doubled_b(both0, a0), ek_doubled_b(both1, a1), scale + 4, out0++, out1++); \
    scale += 8;
#endif

/* `groups` times four output channels of two vectors, whose words take turns in `vectors`. */
EK_SHARED void ek_matrix_fours_s8_dsp(const ek_matrix_s8 *m, const int32_t *vectors, int32_t first, int32_t groups,
                                      int8_t *out0, int8_t *out1) {
    const int32_t *w = m->weights + 2 * first * m->words;
    const int32_t *scale = m->scales + 16 * first;
    const int32_t words = m->words;
    const int32_t *const end = vectors + 2 * words;
    do {
        const int32_t *x = vectors;
        int32_t ab0 = 0, ab1 = 0, cd0 = 0, cd1 = 0, a0 = 0, a1 = 0, c0 = 0, c1 = 0;
        EK_LOOP_TWO
        EK_STORE_AB(a0, a1, ab0, ab1)
        EK_STORE_AB(c0, c1, cd0, cd1)
        groups--;
    } while (groups > 0);
}

/* All output channels of two vectors. */
EK_SHARED void ek_matrix_two_s8_dsp(const ek_matrix_s8 *m, const int32_t *vectors, int8_t *out0, int8_t *out1) {
    const int32_t groups = m->channels / 4;
    const int32_t rest = m->channels & 3;
    if (groups > 0) {
        ek_matrix_fours_s8_dsp(m, vectors, 0, groups, out0, out1);
    }
    if (rest > 0) {
        int8_t last[8];
        ek_matrix_fours_s8_dsp(m, vectors, groups, 1, last, last + 4);
        memcpy(out0 + 4 * groups, last, (size_t)rest);
        memcpy(out1 + 4 * groups, last + 4, (size_t)rest);
    }
}

/* Two words of a vector by two words of four channels. */
#if defined(EK_HAS_DSP_ASSEMBLY)
#define EK_TEXT_ONE                     \
    "ldrd %[s], %[t], [%[x]], #8\n\t"   \
    "ldmia %[w]!, {r4, r5, r6, r8}\n\t" \
    "smlad %[ab0], r4, %[s], %[ab0]\n\t" \
    "smlad %[cd0], r5, %[s], %[cd0]\n\t" \
    "smlad %[ab0], r6, %[t], %[ab0]\n\t" \
    "smlad %[cd0], r8, %[t], %[cd0]\n\t" \
    "sxtb16 r4, r4\n\t"                 \
    "sxtb16 r5, r5\n\t"                 \
    "sxtb16 r6, r6\n\t"                 \
    "sxtb16 r8, r8\n\t"                 \
    "smlad %[a0], r4, %[s], %[a0]\n\t"  \
    "smlad %[c0], r5, %[s], %[c0]\n\t"  \
    "smlad %[a0], r6, %[t], %[a0]\n\t"  \
    "smlad %[c0], r8, %[t], %[c0]\n\t"
#define EK_LOOP_ONE                                                                                          \
    {                                                                                                        \
        int32_t s, t;                                                                                        \
        __asm__("tst %[words], #4\n\tbne 2f\n\t1:\n\t" EK_TEXT_ONE EK_TEXT_ONE                               \
                "2:\n\t" EK_TEXT_ONE EK_TEXT_ONE "cmp %[end], %[x]\n\tbne 1b"                               \
                : [ab0] "+r"(ab0), [cd0] "+r"(cd0), [a0] "+r"(a0), [c0] "+r"(c0), [w] "+r"(w), [x] "+r"(x),  \
                  [s] "=&r"(s), [t] "=&r"(t)                                                                 \
                : [end] "r"(end), [words] "r"(m->words)                                                      \
                : "r4", "r5", "r6", "r8", "cc", "memory");                                                   \
    }
#else
#define EK_STEP_ONE                           \
    {                                         \
        const int32_t ab = w[0], cd = w[1];   \
        const int32_t x0 = x[0];              \
        ab0 = ek_smlad(ab, x0, ab0);          \
        cd0 = ek_smlad(cd, x0, cd0);          \
        a0 = ek_smlad(ek_sxtb16(ab), x0, a0); \
        c0 = ek_smlad(ek_sxtb16(cd), x0, c0); \
        w += 2;                               \
        x++;                                  \
    }
#define EK_LOOP_ONE                                     \
    do {                                                \
        EK_STEP_ONE EK_STEP_ONE EK_STEP_ONE EK_STEP_ONE \
    } while (x != end);
#endif

/* A channel of one vector from its doubled sum. */
static inline void ek_store_one_s8_dsp(int32_t doubled, const int32_t *scale, int32_t rounds_once, int8_t *to) {
    const int32_t sum = ek_wrapping_add(scale[0], doubled);
    *to = rounds_once != 0 ? ek_scaled_once_s8_dsp(sum, scale[1], scale[2], scale[3])
                           : ek_scaled_s8_dsp(sum, scale[1], scale[2], scale[3]);
}

/* All output channels of one vector. */
EK_SHARED void ek_matrix_one_s8_dsp(const ek_matrix_s8 *m, const int32_t *vector, int8_t *out) {
    const int32_t *w = m->weights;
    const int32_t *scale = m->scales;
    const int32_t *const end = vector + m->words;
    const int32_t once = m->rounds_once;
    for (int32_t left = m->channels; left > 0; left -= 4, scale += 16, out += 4) {
        const int32_t *x = vector;
        int32_t ab0 = 0, cd0 = 0, a0 = 0, c0 = 0;
        EK_LOOP_ONE
        int8_t last[4];
        int8_t *const to = left >= 4 ? out : last;
        ek_store_one_s8_dsp(ek_doubled_a(a0), scale, once, to);
        ek_store_one_s8_dsp(ek_doubled_b(ab0, a0), scale + 4, once, to + 1);
        ek_store_one_s8_dsp(ek_doubled_a(c0), scale + 8, once, to + 2);
        ek_store_one_s8_dsp(ek_doubled_b(cd0, c0), scale + 12, once, to + 3);
        if (left < 4) {
            memcpy(out, last, (size_t)left);
            break;
        }
    }
}

#endif
