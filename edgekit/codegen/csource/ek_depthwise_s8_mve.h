/* DEPTHWISE_CONV_2D on int8 with one scale a channel, for Helium: two windows by four channels at a time.
 *
 * One instruction multiplies and adds 16 bytes of ONE channel, but channels lie side by side. So, for each output row,
 * the input rows it needs are interleaved by fours: a word holds four taps of a column, one below the other. A window
 * is then a few words at fixed distances, which a gathering load fetches. It takes longer than a plain load, but one
 * multiplication of 3x3 taps replaces nine, and their widening additions. */
#ifndef EK_DEPTHWISE_S8_MVE_H
#define EK_DEPTHWISE_S8_MVE_H

#include "ek_mve.h"

typedef struct {
    int32_t in_height, in_width;
    int32_t out_width, channels_count;
    int32_t kernel_height, stride_y, stride_x, dilation_y, pad_top, pad_left, pad_right;
    int32_t zeros_bytes;      /* a row where there is padding above or below, else 0 */
    int32_t groups;           /* of four rows of taps */
    int32_t steps;            /* of four words of a window */
    const uint32_t *offsets;  /* [steps][4]: bytes from a window's first word to its others */
    const int8_t *weights;    /* [ceil(channels / 4)][steps][4][16] */
    const int32_t *channels;  /* [ceil(channels / 4)][9] */
    int32_t input_zero_point;
    int32_t zero_point, is_plain, low, high;
} ek_depthwise_s8_mve_params;

#if EK_MVE

/* Four rows of `count` bytes, interleaved. Writes up to 60 bytes more. */
static inline void ek_depthwise_s8_mve_interleave(const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d,
                                                  int32_t count, int8_t *to) {
    for (; count >= 16; count -= 16, a += 16, b += 16, c += 16, d += 16, to += 64) {
        const int8x16x4_t four = {{vldrbq_s8(a), vldrbq_s8(b), vldrbq_s8(c), vldrbq_s8(d)}};
        vst4q_s8(to, four);
    }
    if (count > 0) {
        const mve_pred16_t p = vctp8q((uint32_t)count);
        const int8x16x4_t four = {{vldrbq_z_s8(a, p), vldrbq_z_s8(b, p), vldrbq_z_s8(c, p), vldrbq_z_s8(d, p)}};
        vst4q_s8(to, four);
    }
}

#if EK_MVE_ASM

/* Two windows of one step by `blocks` of four channels. Registers: see ek_mve.h. `from0` and `from1` are the addresses
 * of the windows' words, less 4, and advance from channel to channel. */
static inline void ek_depthwise_s8_mve_blocks(const ek_depthwise_s8_mve_params *p, ek_mve_pair *pair, int32_t blocks,
                                              const ek_mve_range *range) {
    uint32x4_t from0 = vaddq_n_u32(vldrwq_u32(p->offsets), (uint32_t)(uintptr_t)pair->x0 - 4u);
    uint32x4_t from1 = vaddq_n_u32(from0, (uint32_t)(pair->x1 - pair->x0));
    const struct {
        int32_t zero_point, is_plain;
    } zero = {range->zero_point, range->is_plain};
    const int16x8_t low = vdupq_n_s16((int16_t)range->low);
    const int16x8_t high = vdupq_n_s16((int16_t)range->high);
    int32x4_t a;
    int32x4_t b;
    int32x4_t m;
    int32x4_t s;
    register int8_t *out0 __asm__("r1") = pair->out0;
    register int8_t *out1 __asm__("r3") = pair->out1;
    register const int32_t *numbers __asm__("r5") = p->channels;
    register const int8_t *w __asm__("r9") = p->weights;
    register const int32_t *end __asm__("r11") = p->channels + blocks * EK_MVE_CHANNEL_WORDS;
    __asm__ volatile(
        "3:\n" EK_MVE_BEGIN
        "vldrw.u32 %q[a], [%q[from0], #4]!\n"
        "vldrb.8 %q[m], [r9], #16\n"
        "vmladava.s8 r0, %q[a], %q[m]\n"
        "vldrw.u32 %q[b], [%q[from1], #4]!\n"
        "vmladava.s8 r8, %q[b], %q[m]\n"
        "vldrw.u32 %q[a], [%q[from0], #4]!\n"
        "vldrb.8 %q[m], [r9], #16\n"
        "vmladava.s8 r2, %q[a], %q[m]\n"
        "vldrw.u32 %q[b], [%q[from1], #4]!\n"
        "vmladava.s8 r10, %q[b], %q[m]\n"
        "vldrw.u32 %q[a], [%q[from0], #4]!\n"
        "vldrb.8 %q[m], [r9], #16\n"
        "vmladava.s8 r4, %q[a], %q[m]\n"
        "vldrw.u32 %q[b], [%q[from1], #4]!\n"
        "vmladava.s8 r12, %q[b], %q[m]\n"
        "vldrw.u32 %q[a], [%q[from0], #4]!\n"
        "vldrb.8 %q[m], [r9], #16\n"
        "vmladava.s8 r6, %q[a], %q[m]\n"
        "vldrw.u32 %q[b], [%q[from1], #4]!\n"
        "vmladava.s8 lr, %q[b], %q[m]\n"
        EK_MVE_REQUANTIZE("%[zero]")
        "vstrb.32 %q[m], [r1], #4\n"
        "vstrb.32 %q[s], [r3], #4\n"
        "cmp r5, r11\n"
        "bne 3b\n"
        : "+r"(out0), "+r"(out1), "+r"(numbers), "+r"(w), [from0] "+&w"(from0), [from1] "+&w"(from1), [a] "=&w"(a),
          [b] "=&w"(b), [m] "=&w"(m), [s] "=&w"(s)
        : "r"(end), [zero] "m"(zero), [low] "w"(low), [high] "w"(high)
        : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
    pair->out0 = out0;
    pair->out1 = out1;
}

/* One window of any size by (up to) four channels. Not from intrinsics: GCC takes a gathering load from
 * addresses for one that no store concerns, and moves it. */
static inline void ek_depthwise_s8_mve_block(const int8_t *x, const uint32_t *offsets, const int8_t *w, int32_t steps,
                                             const int32_t *channels, const ek_mve_range *range, int8_t *out,
                                             int32_t count) {
    const uint32_t first = (uint32_t)(uintptr_t)x - 4u;
    int32x4_t a;
    int32x4_t b;
    int32x4_t m;
    __asm__ volatile(
        "ldrd r8, r10, [%[channels]]\n"
        "ldrd r12, lr, [%[channels], #8]\n"
        "0:\n"
        "vldrw.u32 %q[a], [%[offsets]], #16\n"
        "vadd.i32 %q[a], %q[a], %[first]\n"
        "vldrw.u32 %q[b], [%q[a], #4]!\n"
        "vldrb.8 %q[m], [%[w]], #16\n"
        "vmladava.s8 r8, %q[b], %q[m]\n"
        "vldrw.u32 %q[b], [%q[a], #4]!\n"
        "vldrb.8 %q[m], [%[w]], #16\n"
        "vmladava.s8 r10, %q[b], %q[m]\n"
        "vldrw.u32 %q[b], [%q[a], #4]!\n"
        "vldrb.8 %q[m], [%[w]], #16\n"
        "vmladava.s8 r12, %q[b], %q[m]\n"
        "vldrw.u32 %q[b], [%q[a], #4]!\n"
        "vldrb.8 %q[m], [%[w]], #16\n"
        "vmladava.s8 lr, %q[b], %q[m]\n"
        "subs %[steps], #1\n"
        "bne 0b\n"
        "vmov %q[a][2], %q[a][0], r8, r12\n"
        "vmov %q[a][3], %q[a][1], r10, lr\n"
        : [offsets] "+r"(offsets), [steps] "+r"(steps), [w] "+r"(w), [a] "=&w"(a), [b] "=&w"(b), [m] "=&w"(m)
        : [first] "r"(first), [channels] "r"(channels)
        : "r8", "r10", "r12", "lr", "cc", "memory");
    ek_mve_store(a, channels, range, 0, out, count);
}

#else

/* The words of a window, of the channel whose first word `x` points to. */
static inline int8x16_t ek_depthwise_s8_mve_taps(const int8_t *x, uint32x4_t at) {
    return vreinterpretq_s8_s32(vldrwq_gather_offset_s32((const int32_t *)(const void *)x, at));
}

/* Sums of one window by four channels. */
static inline int32x4_t ek_depthwise_s8_mve_sums(const int8_t *x, const uint32_t *offsets, const int8_t *w,
                                                 int32_t steps, const int32_t *channels) {
    int32_t a = channels[0], b = channels[1], c = channels[2], d = channels[3];
    for (; steps > 0; steps--, offsets += 4, w += EK_MVE_LANES * EK_MVE_STEP) {
        const uint32x4_t at = vldrwq_u32(offsets);
        a = vmladavaq_s8(a, ek_depthwise_s8_mve_taps(x, at), vldrbq_s8(w));
        b = vmladavaq_s8(b, ek_depthwise_s8_mve_taps(x + 4, at), vldrbq_s8(w + EK_MVE_STEP));
        c = vmladavaq_s8(c, ek_depthwise_s8_mve_taps(x + 8, at), vldrbq_s8(w + 2 * EK_MVE_STEP));
        d = vmladavaq_s8(d, ek_depthwise_s8_mve_taps(x + 12, at), vldrbq_s8(w + 3 * EK_MVE_STEP));
    }
    return (int32x4_t){a, b, c, d};
}

static inline void ek_depthwise_s8_mve_blocks(const ek_depthwise_s8_mve_params *p, ek_mve_pair *pair, int32_t blocks,
                                              const ek_mve_range *range) {
    const int32_t *channels = p->channels;
    const int8_t *w = p->weights;
    for (int32_t i = 0; i < blocks; i++, channels += EK_MVE_CHANNEL_WORDS, w += EK_MVE_LANES * EK_MVE_STEP) {
        const int32_t at = 4 * i * EK_MVE_LANES;
        const int32x4_t a = ek_depthwise_s8_mve_sums(pair->x0 + at, p->offsets, w, 1, channels);
        const int32x4_t b = ek_depthwise_s8_mve_sums(pair->x1 + at, p->offsets, w, 1, channels);
        ek_mve_store_two(a, b, channels, range, pair);
    }
}

static inline void ek_depthwise_s8_mve_block(const int8_t *x, const uint32_t *offsets, const int8_t *w, int32_t steps,
                                             const int32_t *channels, const ek_mve_range *range, int8_t *out,
                                             int32_t count) {
    ek_mve_store(ek_depthwise_s8_mve_sums(x, offsets, w, steps, channels), channels, range, 0, out, count);
}

#endif

#else

static inline void ek_depthwise_s8_mve_interleave(const int8_t *a, const int8_t *b, const int8_t *c, const int8_t *d,
                                                  int32_t count, int8_t *to) {
    for (int32_t i = 0; i < count; i++) {
        to[4 * i] = a[i];
        to[4 * i + 1] = b[i];
        to[4 * i + 2] = c[i];
        to[4 * i + 3] = d[i];
    }
}

static inline void ek_depthwise_s8_mve_block(const int8_t *x, const uint32_t *offsets, const int8_t *w, int32_t steps,
                                             const int32_t *channels, const ek_mve_range *range, int8_t *out,
                                             int32_t count) {
    int8_t shifts[EK_MVE_LANES];
    memcpy(shifts, channels + 8, sizeof shifts);
    for (int32_t lane = 0; lane < ek_min(count, EK_MVE_LANES); lane++) {
        int32_t sum = channels[lane];
        for (int32_t i = 0; i < steps * EK_MVE_STEP; i++) {
            const int32_t at = i / EK_MVE_STEP * EK_MVE_LANES + lane;
            sum += w[at * EK_MVE_STEP + i % EK_MVE_STEP] * x[offsets[i / 4] + (uint32_t)(4 * lane + i % 4)];
        }
        sum = ek_requantize(sum, channels[4 + lane], shifts[lane]) + range->zero_point;
        out[lane] = (int8_t)ek_clamp(sum, range->low, range->high);
    }
}

static inline void ek_depthwise_s8_mve_blocks(const ek_depthwise_s8_mve_params *p, ek_mve_pair *pair, int32_t blocks,
                                              const ek_mve_range *range) {
    const int32_t *channels = p->channels;
    for (int32_t i = 0; i < blocks; i++, channels += EK_MVE_CHANNEL_WORDS) {
        const int8_t *w = p->weights + i * EK_MVE_LANES * EK_MVE_STEP;
        const int8_t *x0 = pair->x0 + 4 * i * EK_MVE_LANES;
        const int8_t *x1 = pair->x1 + 4 * i * EK_MVE_LANES;
        ek_depthwise_s8_mve_block(x0, p->offsets, w, 1, channels, range, pair->out0, EK_MVE_LANES);
        ek_depthwise_s8_mve_block(x1, p->offsets, w, 1, channels, range, pair->out1, EK_MVE_LANES);
        pair->out0 += EK_MVE_LANES;
        pair->out1 += EK_MVE_LANES;
    }
}

#endif

/* Bytes of one group of rows: padding, the input's columns, padding. */
static inline int32_t ek_depthwise_s8_mve_group_bytes(const ek_depthwise_s8_mve_params *p) {
    return 4 * p->channels_count * (p->pad_left + p->in_width + p->pad_right);
}

/* Where a row of the input is that a tap of the kernel falls on; taps beyond the kernel repeat its last. */
static inline const int8_t *ek_depthwise_s8_mve_tap(const ek_depthwise_s8_mve_params *p, const int8_t *in,
                                                    int32_t in_first, const int8_t *zeros, int32_t y, int32_t tap) {
    const int32_t row = y * p->stride_y - p->pad_top + ek_min(tap, p->kernel_height - 1) * p->dilation_y;
    return row >= 0 && row < p->in_height ? in + (row - in_first) * p->in_width * p->channels_count : zeros;
}

/* Interleaves what output row y needs. `zeros` is a row of zero points. */
static inline void ek_depthwise_s8_mve_gather(const ek_depthwise_s8_mve_params *p, const int8_t *in, int32_t in_first,
                                              int32_t y, const int8_t *zeros, int8_t *to) {
    const int32_t row_bytes = p->in_width * p->channels_count;
    const int32_t left_bytes = 4 * p->pad_left * p->channels_count;
    const int32_t right_bytes = 4 * p->pad_right * p->channels_count;
    for (int32_t tap = 0; tap < 4 * p->groups; tap += 4) {
        const int8_t *const a = ek_depthwise_s8_mve_tap(p, in, in_first, zeros, y, tap);
        const int8_t *const b = ek_depthwise_s8_mve_tap(p, in, in_first, zeros, y, tap + 1);
        const int8_t *const c = ek_depthwise_s8_mve_tap(p, in, in_first, zeros, y, tap + 2);
        const int8_t *const d = ek_depthwise_s8_mve_tap(p, in, in_first, zeros, y, tap + 3);
        ek_mve_fill(to, p->input_zero_point, left_bytes);
        ek_depthwise_s8_mve_interleave(a, b, c, d, row_bytes, to + left_bytes);
        to += left_bytes + 4 * row_bytes;
        ek_mve_fill(to, p->input_zero_point, right_bytes);
        to += right_bytes;
    }
}

/* Channels from block `first` on of one window. */
static inline void ek_depthwise_s8_mve_one(const ek_depthwise_s8_mve_params *p, const ek_mve_range *range,
                                           const int8_t *x, int32_t first, int8_t *out) {
    const int8_t *weights = p->weights + first * p->steps * EK_MVE_LANES * EK_MVE_STEP;
    const int32_t *channels = p->channels + first * EK_MVE_CHANNEL_WORDS;
    x += 4 * first * EK_MVE_LANES;
    for (int32_t count = p->channels_count - first * EK_MVE_LANES; count > 0; count -= EK_MVE_LANES) {
        ek_depthwise_s8_mve_block(x, p->offsets, weights, p->steps, channels, range, out, count);
        x += 4 * EK_MVE_LANES;
        weights += p->steps * EK_MVE_LANES * EK_MVE_STEP;
        channels += EK_MVE_CHANNEL_WORDS;
        out += EK_MVE_LANES;
    }
}

/* One row of output from what is interleaved. */
static inline void ek_depthwise_s8_mve_row(const ek_depthwise_s8_mve_params *p, const ek_mve_range *range,
                                           const int8_t *x, int8_t *out) {
    const int32_t stride = 4 * p->stride_x * p->channels_count;
    const int32_t blocks = p->steps == 1 ? p->channels_count / EK_MVE_LANES : 0;
    int32_t left = p->out_width;
    for (; left > 1 && blocks > 0; left -= 2, x += 2 * stride, out += 2 * p->channels_count) {
        ek_mve_pair pair = {x, x + stride, out, out + p->channels_count};
        ek_depthwise_s8_mve_blocks(p, &pair, blocks, range);
        if (p->channels_count % EK_MVE_LANES != 0) {
            ek_depthwise_s8_mve_one(p, range, pair.x0, blocks, pair.out0);
            ek_depthwise_s8_mve_one(p, range, pair.x1, blocks, pair.out1);
        }
    }
    for (; left > 0; left--, x += stride, out += p->channels_count) {
        ek_depthwise_s8_mve_one(p, range, x, 0, out);
    }
}

EK_BODY void ek_depthwise_s8_mve_body(const ek_depthwise_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                      void *scratch) {
    const ek_mve_range range = {p->zero_point, p->is_plain, p->low, p->high};
    int8_t *const zeros = (int8_t *)scratch + p->groups * ek_depthwise_s8_mve_group_bytes(p) + 64;
    ek_mve_fill(zeros, p->input_zero_point, p->zeros_bytes);
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        ek_depthwise_s8_mve_gather(p, in, rows.in_first, y, zeros, scratch);
        ek_depthwise_s8_mve_row(p, &range, scratch, out);
        out += p->out_width * p->channels_count;
    }
}

EK_SHARED void ek_depthwise_s8_mve(const ek_depthwise_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                   void *scratch) {
    ek_depthwise_s8_mve_body(p, in, out, rows, scratch);
}

#endif
