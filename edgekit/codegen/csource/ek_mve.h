/* Helium (M-profile vector extension): what its kernels share. Without Helium the same functions are plain C on the
 * same layout of weights, so that the kernels can be held against the reference, with sanitizers, on any machine.
 *
 * Weights come in blocks of four output channels: for each step of 16 taps, 16 of each channel. Taps are padded with
 * zeros to whole steps, so what is read beyond a window's last tap counts nothing. Numbers of a channel come in blocks
 * of four too, nine words each: four biases, four mantissas, four shifts of a byte each. */
#ifndef EK_MVE_H
#define EK_MVE_H

#include "ek.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define EK_MVE 1
#include <arm_mve.h>
#else
#define EK_MVE 0
#endif

#define EK_MVE_LANES 4
#define EK_MVE_STEP 16
#define EK_MVE_CHANNEL_WORDS 9

/* How sums become outputs. `is_plain`: outputs begin at the zero point (as after a RELU) and no channel shifts left.
 * Then the fix-up that rounds halves away from zero, which concerns only negative values, is left out. */
typedef struct {
    int32_t zero_point, low, high, is_plain;
} ek_mve_range;

#if EK_MVE

/* Copies forward. Tail predication is written out, as compilers do not find it from intrinsics yet. */
static inline void ek_mve_copy(int8_t *to, const int8_t *from, int32_t bytes) {
    __asm__ volatile(
        "wlstp.8 lr, %2, 1f\n"
        "0: vldrb.8 q0, [%1], #16\n"
        "vstrb.8 q0, [%0], #16\n"
        "letp lr, 0b\n"
        "1:\n"
        : "+r"(to), "+r"(from)
        : "r"(bytes)
        : "q0", "lr", "memory");
}

static inline void ek_mve_fill(int8_t *to, int32_t value, int32_t bytes) {
    const int8x16_t all = vdupq_n_s8((int8_t)value);
    __asm__ volatile(
        "wlstp.8 lr, %1, 1f\n"
        "0: vstrb.8 %q2, [%0], #16\n"
        "letp lr, 0b\n"
        "1:\n"
        : "+r"(to)
        : "r"(bytes), "w"(all)
        : "lr", "memory");
}

/* Sums of two windows by four channels, and what makes outputs of them. */
typedef struct {
    int32x4_t a, b, mantissas, shifts;
} ek_mve_sums;

/* One step: 2 + 4 loads for 8 times 16 products. Loads and multiplications alternate, as the pipeline likes them. */
#define EK_MVE_DOT_STEP         \
    "vldrb.8 %q[a], [%[x0]], #16\n" \
    "vldrb.8 %q[m], [%[w]], #16\n"  \
    "vmladava.s8 r0, %q[a], %q[m]\n"   \
    "vldrb.8 %q[b], [%[x1]], #16\n" \
    "vmladava.s8 r8, %q[b], %q[m]\n"   \
    "vldrb.8 %q[s], [%[w]], #16\n"  \
    "vmladava.s8 r2, %q[a], %q[s]\n"   \
    "vldrb.8 %q[m], [%[w]], #16\n"  \
    "vmladava.s8 r10, %q[b], %q[s]\n"  \
    "vldrb.8 %q[s], [%[w]], #16\n"  \
    "vmladava.s8 r4, %q[a], %q[m]\n"   \
    "vmladava.s8 r12, %q[b], %q[m]\n"  \
    "vmladava.s8 r6, %q[a], %q[s]\n"   \
    "vmladava.s8 lr, %q[b], %q[s]\n"

/* Sums begin as biases. */
#define EK_MVE_DOT_BEGIN              \
    "ldrd r0, r2, [%[channels]]\n"     \
    "ldrd r4, r6, [%[channels], #8]\n" \
    "ldrd r8, r10, [%[channels]]\n"    \
    "ldrd r12, lr, [%[channels], #8]\n"

/* Sums go to q0 and q1, mantissas to q2, shifts to q3. */
#define EK_MVE_DOT_END                      \
    "vldrw.u32 %q[m], [%[channels], #16]\n"     \
    "vmov %q[a][2], %q[a][0], r0, r4\n"            \
    "vldrb.s32 %q[s], [%[channels], #32]\n"     \
    "vmov %q[a][3], %q[a][1], r2, r6\n"            \
    "vmov %q[b][2], %q[b][0], r8, r12\n"           \
    "vmov %q[b][3], %q[b][1], r10, lr\n"           \
    "add %[channels], %[channels], #36\n"

/* Eight accumulators take all even registers, the only ones that VMLADAV writes; compilers spill some of them, hence
 * assembly, and a register for everything. Two steps a round; an odd number begins in the middle. */
static inline ek_mve_sums ek_mve_dot(const int8_t *x0, const int8_t *x1, const int8_t **weights, int32_t steps,
                                     const int32_t **channels) {
    int32x4_t a;
    int32x4_t b;
    int32x4_t mantissas;
    int32x4_t shifts;
    register const int8_t *from0 __asm__("r1") = x0;
    register const int8_t *from1 __asm__("r3") = x1;
    register const int32_t *numbers __asm__("r5") = *channels; /* a widening load takes low registers only */
    register const int8_t *w __asm__("r9") = *weights;
    register int32_t left __asm__("r11") = steps;
    __asm__ volatile(
        EK_MVE_DOT_BEGIN
        "tst %[left], #1\n"
        "bne 1f\n"
        "0:\n" EK_MVE_DOT_STEP
        "1:\n" EK_MVE_DOT_STEP
        "subs %[left], #2\n"
        "bgt 0b\n" EK_MVE_DOT_END
        : [x0] "+r"(from0), [x1] "+r"(from1), [w] "+r"(w), [channels] "+r"(numbers), [left] "+r"(left),
          [a] "=&w"(a), [b] "=&w"(b), [m] "=&w"(mantissas), [s] "=&w"(shifts)
        :
        : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
    *weights = w;
    *channels = numbers;
    return (ek_mve_sums){a, b, mantissas, shifts};
}

/* x * mantissa * 2^(shift - 31) in two roundings. */
static inline int32x4_t ek_mve_requantize(int32x4_t x, int32x4_t mantissas, int32x4_t shifts, int32_t is_plain) {
    if (is_plain) {
        return vrshlq_s32(vqrdmulhq_s32(x, mantissas), shifts);
    }
    const int32x4_t zero = vdupq_n_s32(0);
    const int32x4_t right = vminq_s32(shifts, zero);
    x = vqrdmulhq_s32(vshlq_s32(x, vmaxq_s32(shifts, zero)), mantissas);
    return vrshlq_s32(vqaddq_s32(x, vshrq_n_s32(vandq_s32(x, right), 31)), right);
}

/* The same in one rounding, halves up; no sum may overflow when it is shifted left by shift + 2. The high word of a
 * product is rounded down, and a right shift by one or more rounds what matters. */
static inline int32x4_t ek_mve_requantize_once(int32x4_t x, int32x4_t mantissas, int32x4_t shifts) {
    x = vshlq_s32(x, vmaxq_s32(vaddq_n_s32(shifts, 2), vdupq_n_s32(0)));
    return vrshlq_s32(vmulhq_s32(x, mantissas), vminq_s32(vaddq_n_s32(shifts, 1), vdupq_n_s32(-1)));
}

/* Sums of one window by four channels. */
static inline ek_mve_sums ek_mve_dot_one(const int8_t *x, const int8_t *weights, int32_t steps,
                                         const int32_t *channels) {
    int32_t a = channels[0];
    int32_t b = channels[1];
    int32_t c = channels[2];
    int32_t d = channels[3];
    for (int32_t i = 0; i < steps; i++, x += EK_MVE_STEP, weights += EK_MVE_LANES * EK_MVE_STEP) {
        const int8x16_t taps = vldrbq_s8(x);
        a = vmladavaq_s8(a, taps, vldrbq_s8(weights));
        b = vmladavaq_s8(b, taps, vldrbq_s8(weights + EK_MVE_STEP));
        c = vmladavaq_s8(c, taps, vldrbq_s8(weights + 2 * EK_MVE_STEP));
        d = vmladavaq_s8(d, taps, vldrbq_s8(weights + 3 * EK_MVE_STEP));
    }
    const int32x4_t sums = {a, b, c, d};
    return (ek_mve_sums){sums, sums, vldrwq_s32(channels + 4), vldrbq_s32((const int8_t *)(channels + 8))};
}

/* Sums of one window by four channels to outputs. */
static inline void ek_mve_store_one(ek_mve_sums sums, const ek_mve_range *range, int32_t rounds_once, int8_t *out,
                                    int32_t count) {
    int32x4_t y = rounds_once ? ek_mve_requantize_once(sums.a, sums.mantissas, sums.shifts)
                              : ek_mve_requantize(sums.a, sums.mantissas, sums.shifts, range->is_plain);
    y = vqaddq_n_s32(y, range->zero_point);
    y = vminq_s32(vmaxq_s32(y, vdupq_n_s32(range->low)), vdupq_n_s32(range->high));
    if (count >= EK_MVE_LANES) { /* predicates go through two registers and are dear */
        vstrbq_s32(out, y);
    } else {
        vstrbq_p_s32(out, y, vctp32q((uint32_t)count));
    }
}

/* Outputs of one window for (up to) four channels. */
static inline void ek_mve_block_one(const int8_t *x, const int8_t *weights, int32_t steps, const int32_t *channels,
                                    const ek_mve_range *range, int32_t rounds_once, int8_t *out, int32_t count) {
    ek_mve_store_one(ek_mve_dot_one(x, weights, steps, channels), range, rounds_once, out, count);
}

/* Sums of two windows by four channels to outputs. Windows may be the same. */
static inline void ek_mve_store(ek_mve_sums sums, const ek_mve_range *range, int8_t *out0, int8_t *out1,
                                int32_t count) {
    const int32x4_t a = ek_mve_requantize(sums.a, sums.mantissas, sums.shifts, range->is_plain);
    const int32x4_t b = ek_mve_requantize(sums.b, sums.mantissas, sums.shifts, range->is_plain);
    int16x8_t both = vqmovntq_s32(vqmovnbq_s32(vreinterpretq_s16_s32(sums.mantissas), a), b);
    both = vqaddq_n_s16(both, (int16_t)range->zero_point);
    both = vmaxq_s16(both, vdupq_n_s16((int16_t)range->low));
    both = vminq_s16(both, vdupq_n_s16((int16_t)range->high));
    const int32x4_t first = vreinterpretq_s32_s16(both);
    const int32x4_t second = vshrq_n_s32(first, 16);
    if (count >= EK_MVE_LANES) {
        vstrbq_s32(out0, first);
        vstrbq_s32(out1, second);
    } else {
        vstrbq_p_s32(out0, first, vctp32q((uint32_t)count));
        vstrbq_p_s32(out1, second, vctp32q((uint32_t)count));
    }
}

/* Outputs of two windows for (up to) four channels; weights and numbers advance to the next four. */
static inline void ek_mve_block(const int8_t *x0, const int8_t *x1, const int8_t **weights, int32_t steps,
                                const int32_t **channels, const ek_mve_range *range, int8_t *out0, int8_t *out1,
                                int32_t count) {
    ek_mve_store(ek_mve_dot(x0, x1, weights, steps, channels), range, out0, out1, count);
}

#else

static inline void ek_mve_copy(int8_t *to, const int8_t *from, int32_t bytes) { memcpy(to, from, (size_t)bytes); }

static inline void ek_mve_fill(int8_t *to, int32_t value, int32_t bytes) { memset(to, value, (size_t)bytes); }

static inline void ek_mve_block_one(const int8_t *x, const int8_t *weights, int32_t steps, const int32_t *channels,
                                    const ek_mve_range *range, int32_t rounds_once, int8_t *out, int32_t count) {
    int8_t shifts[EK_MVE_LANES];
    memcpy(shifts, channels + 8, sizeof shifts);
    for (int32_t lane = 0; lane < ek_min(count, EK_MVE_LANES); lane++) {
        int32_t sum = channels[lane];
        for (int32_t i = 0; i < steps * EK_MVE_STEP; i++) {
            const int32_t at = i / EK_MVE_STEP * EK_MVE_LANES + lane;
            sum += x[i] * weights[at * EK_MVE_STEP + i % EK_MVE_STEP];
        }
        sum = rounds_once ? ek_requantize_once(sum, channels[4 + lane], shifts[lane])
                          : ek_requantize(sum, channels[4 + lane], shifts[lane]);
        out[lane] = (int8_t)ek_clamp(sum + range->zero_point, range->low, range->high);
    }
}

static inline void ek_mve_block(const int8_t *x0, const int8_t *x1, const int8_t **weights, int32_t steps,
                                const int32_t **channels, const ek_mve_range *range, int8_t *out0, int8_t *out1,
                                int32_t count) {
    ek_mve_block_one(x0, *weights, steps, *channels, range, 0, out0, count);
    ek_mve_block_one(x1, *weights, steps, *channels, range, 0, out1, count);
    *weights += EK_MVE_LANES * EK_MVE_STEP * steps;
    *channels += EK_MVE_CHANNEL_WORDS;
}

#endif

#endif
