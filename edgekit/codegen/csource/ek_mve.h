/* Helium (M-profile vector extension): what its kernels share. Without Helium the same functions are plain C on the
 * same layout of weights, so that the kernels can be held against the reference, with sanitizers, on any machine.
 *
 * Weights come in blocks of four output channels: for each step of 16 taps, 16 of each channel. Taps are padded with
 * zeros to whole steps, so what is read beyond a window's last tap counts nothing. Numbers of a channel come in blocks
 * of four too, nine words each: four biases, four mantissas, four shifts of a byte each, none of them to the left. */
#ifndef EK_MVE_H
#define EK_MVE_H

#include "ek.h"

#if defined(__ARM_FEATURE_MVE) && (__ARM_FEATURE_MVE & 1)
#define EK_MVE 1
#include <arm_mve.h>
#else
#define EK_MVE 0
#endif

/* The inner loops in assembly for GCC, which from intrinsics spills accumulators that must be even registers, and does
 * not find tail predication. Other compilers take the intrinsics; so does GCC with -DEK_MVE_ASM=0. */
#ifndef EK_MVE_ASM
#if defined(__GNUC__) && !defined(__clang__)
#define EK_MVE_ASM EK_MVE
#else
#define EK_MVE_ASM 0
#endif
#endif

#define EK_MVE_LANES 4
#define EK_MVE_STEP 16
#define EK_MVE_CHANNEL_WORDS 9

/* How sums become outputs. `is_plain`: outputs begin at the zero point, as after a RELU. Then the fix-up that rounds
 * halves away from zero, which concerns only negative values, is left out. */
typedef struct {
    int32_t zero_point, is_plain, low, high;
} ek_mve_range;

/* Two windows of the input, and where their outputs go. They may be the same. */
typedef struct {
    const int8_t *x0;
    const int8_t *x1;
    int8_t *out0;
    int8_t *out1;
} ek_mve_pair;

#if EK_MVE

/* Copies forward. */
static inline void ek_mve_copy(int8_t *to, const int8_t *from, int32_t bytes) {
#if EK_MVE_ASM
    __asm__ volatile(
        "wlstp.8 lr, %2, 1f\n"
        "0: vldrb.8 q0, [%1], #16\n"
        "vstrb.8 q0, [%0], #16\n"
        "letp lr, 0b\n"
        "1:\n"
        : "+r"(to), "+r"(from)
        : "r"(bytes)
        : "q0", "lr", "memory");
#else
    for (; bytes > 0; bytes -= EK_MVE_STEP, to += EK_MVE_STEP, from += EK_MVE_STEP) {
        const mve_pred16_t inside = vctp8q((uint32_t)bytes);
        vstrbq_p_s8(to, vldrbq_z_s8(from, inside), inside);
    }
#endif
}

static inline void ek_mve_fill(int8_t *to, int32_t value, int32_t bytes) {
    const int8x16_t all = vdupq_n_s8((int8_t)value);
#if EK_MVE_ASM
    __asm__ volatile(
        "wlstp.8 lr, %1, 1f\n"
        "0: vstrb.8 %q2, [%0], #16\n"
        "letp lr, 0b\n"
        "1:\n"
        : "+r"(to)
        : "r"(bytes), "w"(all)
        : "lr", "memory");
#else
    for (; bytes > 0; bytes -= EK_MVE_STEP, to += EK_MVE_STEP) {
        vstrbq_p_s8(to, all, vctp8q((uint32_t)bytes));
    }
#endif
}

/* x * mantissa * 2^(shift - 31) in two roundings. */
static inline int32x4_t ek_mve_requantize(int32x4_t x, int32x4_t mantissas, int32x4_t shifts) {
    x = vqrdmulhq_s32(x, mantissas);
    return vrshlq_s32(vqaddq_s32(x, vshrq_n_s32(vandq_s32(x, shifts), 31)), shifts);
}

/* The same in one rounding, halves up; no sum may overflow when it is shifted left by shift + 2. The high word of a
 * product is rounded down, and a right shift by one or more rounds what matters. */
static inline int32x4_t ek_mve_requantize_once(int32x4_t x, int32x4_t mantissas, int32x4_t shifts) {
    x = vshlq_s32(x, vmaxq_s32(vaddq_n_s32(shifts, 2), vdupq_n_s32(0)));
    return vrshlq_s32(vmulhq_s32(x, mantissas), vminq_s32(vaddq_n_s32(shifts, 1), vdupq_n_s32(-1)));
}

/* Sums of one window by (up to) four channels to outputs. */
static inline void ek_mve_store(int32x4_t sums, const int32_t *channels, const ek_mve_range *range, int32_t rounds_once,
                                int8_t *out, int32_t count) {
    const int32x4_t mantissas = vldrwq_s32(channels + 4);
    const int32x4_t shifts = vldrbq_s32((const int8_t *)(channels + 8));
    sums = rounds_once ? ek_mve_requantize_once(sums, mantissas, shifts) : ek_mve_requantize(sums, mantissas, shifts);
    sums = vqaddq_n_s32(sums, range->zero_point);
    sums = vminq_s32(vmaxq_s32(sums, vdupq_n_s32(range->low)), vdupq_n_s32(range->high));
    if (count >= EK_MVE_LANES) { /* predicates go through two registers and are dear */
        vstrbq_s32(out, sums);
    } else {
        vstrbq_p_s32(out, sums, vctp32q((uint32_t)count));
    }
}

/* One window by (up to) four channels. */
static inline void ek_mve_block(const int8_t *x, const int8_t *weights, int32_t steps, const int32_t *channels,
                                const ek_mve_range *range, int32_t rounds_once, int8_t *out, int32_t count) {
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
    ek_mve_store((int32x4_t){a, b, c, d}, channels, range, rounds_once, out, count);
}

#if EK_MVE_ASM

/* A block of four channels takes all even registers as accumulators, the only ones that VMLADAV writes. Compilers
 * spill some of them, hence assembly, in pieces. r5: numbers of the channels; q: a, b (sums), m, s (others).
 *
 * Sums begin as biases. */
#define EK_MVE_BEGIN        \
    "ldrd r0, r2, [r5]\n"   \
    "ldrd r4, r6, [r5, #8]\n" \
    "ldrd r8, r10, [r5]\n"  \
    "ldrd r12, lr, [r5, #8]\n"

/* One step: 2 + 4 loads for 8 times 16 products. Loads and multiplications alternate, as the pipeline likes them. */
#define EK_MVE_DOT                       \
    "vldrb.8 %q[a], [r1], #16\n"         \
    "vldrb.8 %q[m], [r9], #16\n"         \
    "vmladava.s8 r0, %q[a], %q[m]\n"     \
    "vldrb.8 %q[b], [r3], #16\n"         \
    "vmladava.s8 r8, %q[b], %q[m]\n"     \
    "vldrb.8 %q[s], [r9], #16\n"         \
    "vmladava.s8 r2, %q[a], %q[s]\n"     \
    "vldrb.8 %q[m], [r9], #16\n"         \
    "vmladava.s8 r10, %q[b], %q[s]\n"    \
    "vldrb.8 %q[s], [r9], #16\n"         \
    "vmladava.s8 r4, %q[a], %q[m]\n"     \
    "vmladava.s8 r12, %q[b], %q[m]\n"    \
    "vmladava.s8 r6, %q[a], %q[s]\n"     \
    "vmladava.s8 lr, %q[b], %q[s]\n"

/* Sums to outputs of 16 bits, both windows' side by side. r0: zero point, r2: is_plain. A negative value is one less
 * before it is shifted, unless the shift is 0. */
#define EK_MVE_REQUANTIZE(zero_point_and_is_plain) \
    "vldrw.u32 %q[m], [r5, #16]\n"                 \
    "vmov %q[a][2], %q[a][0], r0, r4\n"            \
    "vmov %q[a][3], %q[a][1], r2, r6\n"            \
    "vldrb.s32 %q[s], [r5, #32]\n"                 \
    "vmov %q[b][2], %q[b][0], r8, r12\n"           \
    "vqrdmulh.s32 %q[a], %q[a], %q[m]\n"           \
    "vmov %q[b][3], %q[b][1], r10, lr\n"           \
    "ldrd r0, r2, " zero_point_and_is_plain "\n"   \
    "vqrdmulh.s32 %q[b], %q[b], %q[m]\n"           \
    "add r5, r5, #36\n"                            \
    "cbnz r2, 2f\n"                                \
    "vand %q[m], %q[a], %q[s]\n"                   \
    "vshr.s32 %q[m], %q[m], #31\n"                 \
    "vqadd.s32 %q[a], %q[a], %q[m]\n"              \
    "vand %q[m], %q[b], %q[s]\n"                   \
    "vshr.s32 %q[m], %q[m], #31\n"                 \
    "vqadd.s32 %q[b], %q[b], %q[m]\n"              \
    "2:\n"                                         \
    "vrshl.s32 %q[a], %q[a], %q[s]\n"              \
    "vrshl.s32 %q[b], %q[b], %q[s]\n"              \
    "vqmovnb.s32 %q[m], %q[a]\n"                   \
    "vqmovnt.s32 %q[m], %q[b]\n"                   \
    "vqadd.s16 %q[m], %q[m], r0\n"                 \
    "vmax.s16 %q[m], %q[m], %q[low]\n"             \
    "vmin.s16 %q[m], %q[m], %q[high]\n"            \
    "vshr.u32 %q[s], %q[m], #16\n"

/* Both windows by `blocks` of four channels. Two steps a round; an odd number begins in the middle. Odd registers that
 * are left hold what the steps need, the rest is in memory. */
static inline void ek_mve_blocks(ek_mve_pair pair, const int8_t *weights, int32_t steps, const int32_t *channels,
                                 int32_t blocks, const ek_mve_range *range) {
    const struct {
        const int8_t *x0;
        const int8_t *x1;
    } from = {pair.x0, pair.x1};
    struct {
        int8_t *out0;
        int8_t *out1;
    } to = {pair.out0, pair.out1};
    const struct {
        int32_t zero_point, is_plain;
    } zero = {range->zero_point, range->is_plain};
    const int32_t *const end = channels + blocks * EK_MVE_CHANNEL_WORDS;
    const int16x8_t low = vdupq_n_s16((int16_t)range->low);
    const int16x8_t high = vdupq_n_s16((int16_t)range->high);
    int32x4_t a;
    int32x4_t b;
    int32x4_t m;
    int32x4_t s;
    register const int32_t *numbers __asm__("r5") = channels;
    register const int8_t *w __asm__("r9") = weights;
    __asm__ volatile(
        "3:\n"
        "ldrd r1, r3, %[from]\n"
        "ldr r11, %[steps]\n" EK_MVE_BEGIN
        "tst r11, #1\n"
        "bne 1f\n"
        "0:\n" EK_MVE_DOT
        "1:\n" EK_MVE_DOT
        "subs r11, #2\n"
        "bgt 0b\n" EK_MVE_REQUANTIZE("%[zero]")
        "ldrd r0, r2, %[to]\n"
        "ldr r1, %[end]\n"
        "vstrb.32 %q[m], [r0], #4\n"
        "vstrb.32 %q[s], [r2], #4\n"
        "strd r0, r2, %[to]\n"
        "cmp r5, r1\n"
        "bne 3b\n"
        : "+r"(numbers), "+r"(w), [to] "+m"(to), [a] "=&w"(a), [b] "=&w"(b), [m] "=&w"(m), [s] "=&w"(s)
        : [from] "m"(from), [steps] "m"(steps), [zero] "m"(zero), [end] "m"(end), [low] "w"(low), [high] "w"(high)
        : "r0", "r1", "r2", "r3", "r4", "r6", "r8", "r10", "r11", "r12", "lr", "cc", "memory");
}

#else

/* Sums of two windows by four channels to outputs. */
static inline void ek_mve_store_two(int32x4_t a, int32x4_t b, const int32_t *channels, const ek_mve_range *range,
                                    ek_mve_pair *pair) {
    const int32x4_t mantissas = vldrwq_s32(channels + 4);
    const int32x4_t shifts = vldrbq_s32((const int8_t *)(channels + 8));
    a = ek_mve_requantize(a, mantissas, shifts);
    b = ek_mve_requantize(b, mantissas, shifts);
    int16x8_t both = vqmovntq_s32(vqmovnbq_s32(vdupq_n_s16(0), a), b);
    both = vqaddq_n_s16(both, (int16_t)range->zero_point);
    both = vmaxq_s16(both, vdupq_n_s16((int16_t)range->low));
    both = vminq_s16(both, vdupq_n_s16((int16_t)range->high));
    vstrbq_s32(pair->out0, vreinterpretq_s32_s16(both));
    vstrbq_s32(pair->out1, vshrq_n_s32(vreinterpretq_s32_s16(both), 16));
    pair->out0 += EK_MVE_LANES;
    pair->out1 += EK_MVE_LANES;
}

/* Both windows by four channels. */
static inline void ek_mve_block_two(ek_mve_pair *pair, const int8_t *weights, int32_t steps, const int32_t *channels,
                                    const ek_mve_range *range) {
    const int8_t *x0 = pair->x0;
    const int8_t *x1 = pair->x1;
    int32_t a0 = channels[0], a1 = channels[1], a2 = channels[2], a3 = channels[3];
    int32_t b0 = a0, b1 = a1, b2 = a2, b3 = a3;
    for (; steps > 0; steps--, x0 += EK_MVE_STEP, x1 += EK_MVE_STEP, weights += EK_MVE_LANES * EK_MVE_STEP) {
        const int8x16_t taps0 = vldrbq_s8(x0);
        const int8x16_t taps1 = vldrbq_s8(x1);
        int8x16_t w = vldrbq_s8(weights);
        a0 = vmladavaq_s8(a0, taps0, w);
        b0 = vmladavaq_s8(b0, taps1, w);
        w = vldrbq_s8(weights + EK_MVE_STEP);
        a1 = vmladavaq_s8(a1, taps0, w);
        b1 = vmladavaq_s8(b1, taps1, w);
        w = vldrbq_s8(weights + 2 * EK_MVE_STEP);
        a2 = vmladavaq_s8(a2, taps0, w);
        b2 = vmladavaq_s8(b2, taps1, w);
        w = vldrbq_s8(weights + 3 * EK_MVE_STEP);
        a3 = vmladavaq_s8(a3, taps0, w);
        b3 = vmladavaq_s8(b3, taps1, w);
    }
    ek_mve_store_two((int32x4_t){a0, a1, a2, a3}, (int32x4_t){b0, b1, b2, b3}, channels, range, pair);
}

static inline void ek_mve_blocks(ek_mve_pair pair, const int8_t *weights, int32_t steps, const int32_t *channels,
                                 int32_t blocks, const ek_mve_range *range) {
    for (; blocks > 0; blocks--) {
        ek_mve_block_two(&pair, weights, steps, channels, range);
        weights += steps * EK_MVE_LANES * EK_MVE_STEP;
        channels += EK_MVE_CHANNEL_WORDS;
    }
}

#endif

#else

static inline void ek_mve_copy(int8_t *to, const int8_t *from, int32_t bytes) { memcpy(to, from, (size_t)bytes); }

static inline void ek_mve_fill(int8_t *to, int32_t value, int32_t bytes) { memset(to, value, (size_t)bytes); }

static inline void ek_mve_block(const int8_t *x, const int8_t *weights, int32_t steps, const int32_t *channels,
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

static inline void ek_mve_blocks(ek_mve_pair pair, const int8_t *weights, int32_t steps, const int32_t *channels,
                                 int32_t blocks, const ek_mve_range *range) {
    for (; blocks > 0; blocks--) {
        ek_mve_block(pair.x0, weights, steps, channels, range, 0, pair.out0, EK_MVE_LANES);
        ek_mve_block(pair.x1, weights, steps, channels, range, 0, pair.out1, EK_MVE_LANES);
        weights += steps * EK_MVE_LANES * EK_MVE_STEP;
        channels += EK_MVE_CHANNEL_WORDS;
        pair.out0 += EK_MVE_LANES;
        pair.out1 += EK_MVE_LANES;
    }
}

#endif

#endif
