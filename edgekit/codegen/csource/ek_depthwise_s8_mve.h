/* DEPTHWISE_CONV_2D on int8 with one scale a channel, for Helium: two windows by four channels at a time.
 *
 * One instruction multiplies and adds 16 bytes of ONE channel, but channels lie side by side. So, for each output row,
 * the input rows it needs are interleaved by fours: a word holds four taps of a column, one below the other. A window
 * is then a few words at fixed distances, which a gathering load fetches (4 words at once: two cycles more than a plain
 * load, and far less than multiplying channel by channel, which needs three instructions for 8 products). */
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
    int32_t zero_point, low, high, is_plain;
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

/* Sums of two windows of one step by four channels. `at0` and `at1` are the addresses of the windows' words, less 4,
 * and advance to the next four channels. Registers: see ek_mve_dot. */
static inline ek_mve_sums ek_depthwise_s8_mve_dot(uint32x4_t *at0, uint32x4_t *at1, const int8_t **weights,
                                                  const int32_t **channels) {
    int32x4_t a;
    int32x4_t b;
    int32x4_t mantissas;
    int32x4_t shifts;
    uint32x4_t from0 = *at0;
    uint32x4_t from1 = *at1;
    const int8_t *w = *weights;
    const int32_t *numbers = *channels;
    __asm__ volatile(
        EK_MVE_DOT_BEGIN
        "vldrw.u32 %q[a], [%q[from0], #4]!\n"
        "vldrb.8 %q[m], [%[w]], #16\n"
        "vmladava.s8 r0, %q[a], %q[m]\n"
        "vldrw.u32 %q[b], [%q[from1], #4]!\n"
        "vmladava.s8 r8, %q[b], %q[m]\n"
        "vldrw.u32 %q[a], [%q[from0], #4]!\n"
        "vldrb.8 %q[m], [%[w]], #16\n"
        "vmladava.s8 r2, %q[a], %q[m]\n"
        "vldrw.u32 %q[b], [%q[from1], #4]!\n"
        "vmladava.s8 r10, %q[b], %q[m]\n"
        "vldrw.u32 %q[a], [%q[from0], #4]!\n"
        "vldrb.8 %q[m], [%[w]], #16\n"
        "vmladava.s8 r4, %q[a], %q[m]\n"
        "vldrw.u32 %q[b], [%q[from1], #4]!\n"
        "vmladava.s8 r12, %q[b], %q[m]\n"
        "vldrw.u32 %q[a], [%q[from0], #4]!\n"
        "vldrb.8 %q[m], [%[w]], #16\n"
        "vmladava.s8 r6, %q[a], %q[m]\n"
        "vldrw.u32 %q[b], [%q[from1], #4]!\n"
        "vmladava.s8 lr, %q[b], %q[m]\n"
        EK_MVE_DOT_END
        : [from0] "+&w"(from0), [from1] "+&w"(from1), [w] "+r"(w), [channels] "+l"(numbers), [a] "=&w"(a),
          [b] "=&w"(b), [m] "=&w"(mantissas), [s] "=&w"(shifts)
        :
        : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "memory");
    *at0 = from0;
    *at1 = from1;
    *weights = w;
    *channels = numbers;
    return (ek_mve_sums){a, b, mantissas, shifts};
}

/* Sums of one window of any size by four channels. Assembly here because compilers take a gathering load from
 * addresses for one that no store concerns, and move it. */
static inline ek_mve_sums ek_depthwise_s8_mve_dot_one(const int8_t *x, const uint32_t *offsets, int32_t steps,
                                                      const int8_t **weights, const int32_t **channels) {
    int32x4_t a;
    int32x4_t taps;
    int32x4_t mantissas;
    int32x4_t shifts;
    const int8_t *w = *weights;
    const int32_t *numbers = *channels;
    const uint32_t first = (uint32_t)(uintptr_t)x - 4u;
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
        "vldrw.u32 %q[m], [%[channels], #16]\n"
        "vmov %q[a][2], %q[a][0], r8, r12\n"
        "vldrb.s32 %q[s], [%[channels], #32]\n"
        "vmov %q[a][3], %q[a][1], r10, lr\n"
        "add %[channels], %[channels], #36\n"
        : [offsets] "+r"(offsets), [steps] "+r"(steps), [w] "+r"(w), [channels] "+l"(numbers), [a] "=&w"(a),
          [b] "=&w"(taps), [m] "=&w"(mantissas), [s] "=&w"(shifts)
        : [first] "r"(first)
        : "r8", "r10", "r12", "lr", "cc", "memory");
    *weights = w;
    *channels = numbers;
    return (ek_mve_sums){a, a, mantissas, shifts};
}

/* All channels of one window. */
static inline void ek_depthwise_s8_mve_one(const ek_depthwise_s8_mve_params *p, const ek_mve_range *range,
                                           const int8_t *x, int8_t *out) {
    const int8_t *weights = p->weights;
    const int32_t *channels = p->channels;
    for (int32_t count = p->channels_count; count > 0; count -= EK_MVE_LANES) {
        ek_mve_store_one(ek_depthwise_s8_mve_dot_one(x, p->offsets, p->steps, &weights, &channels), range, 0, out, count);
        x += 4 * EK_MVE_LANES;
        out += EK_MVE_LANES;
    }
}

/* All channels of two windows, `stride` bytes from each other, of one step. */
static inline void ek_depthwise_s8_mve_two(const ek_depthwise_s8_mve_params *p, const ek_mve_range *range,
                                           const int8_t *x, int32_t stride, int8_t *out) {
    const int8_t *weights = p->weights;
    const int32_t *channels = p->channels;
    int8_t *out1 = out + p->channels_count;
    uint32x4_t at0 = vaddq_n_u32(vldrwq_u32(p->offsets), (uint32_t)(uintptr_t)x - 4u);
    uint32x4_t at1 = vaddq_n_u32(at0, (uint32_t)stride);
    for (int32_t count = p->channels_count; count > 0; count -= EK_MVE_LANES) {
        ek_mve_store(ek_depthwise_s8_mve_dot(&at0, &at1, &weights, &channels), range, out, out1, count);
        out += EK_MVE_LANES;
        out1 += EK_MVE_LANES;
    }
}

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

static inline void ek_depthwise_s8_mve_one(const ek_depthwise_s8_mve_params *p, const ek_mve_range *range,
                                           const int8_t *x, int8_t *out) {
    for (int32_t channel = 0; channel < p->channels_count; channel++) {
        const int32_t *numbers = p->channels + channel / EK_MVE_LANES * EK_MVE_CHANNEL_WORDS;
        const int32_t lane = channel % EK_MVE_LANES;
        int8_t shifts[EK_MVE_LANES];
        memcpy(shifts, numbers + 8, sizeof shifts);
        int32_t sum = numbers[lane];
        for (int32_t i = 0; i < p->steps * EK_MVE_STEP; i++) {
            const int32_t step = channel / EK_MVE_LANES * p->steps + i / EK_MVE_STEP;
            const int8_t *w = p->weights + (step * EK_MVE_LANES + lane) * EK_MVE_STEP;
            sum += w[i % EK_MVE_STEP] * x[p->offsets[i / 4] + (uint32_t)(4 * channel + i % 4)];
        }
        sum = ek_requantize(sum, numbers[4 + lane], shifts[lane]) + range->zero_point;
        out[channel] = (int8_t)ek_clamp(sum, range->low, range->high);
    }
}

static inline void ek_depthwise_s8_mve_two(const ek_depthwise_s8_mve_params *p, const ek_mve_range *range,
                                           const int8_t *x, int32_t stride, int8_t *out) {
    ek_depthwise_s8_mve_one(p, range, x, out);
    ek_depthwise_s8_mve_one(p, range, x + stride, out + p->channels_count);
}

#endif

/* Bytes of one group of rows: padding, the input's columns, padding. */
static inline int32_t ek_depthwise_s8_mve_group_bytes(const ek_depthwise_s8_mve_params *p) {
    return 4 * p->channels_count * (p->pad_left + p->in_width + p->pad_right);
}

/* Where a row of the input is that a tap of the kernel falls on; taps beyond the kernel repeat its last. */
static inline const int8_t *ek_depthwise_s8_mve_row(const ek_depthwise_s8_mve_params *p, const int8_t *in,
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
        const int8_t *const a = ek_depthwise_s8_mve_row(p, in, in_first, zeros, y, tap);
        const int8_t *const b = ek_depthwise_s8_mve_row(p, in, in_first, zeros, y, tap + 1);
        const int8_t *const c = ek_depthwise_s8_mve_row(p, in, in_first, zeros, y, tap + 2);
        const int8_t *const d = ek_depthwise_s8_mve_row(p, in, in_first, zeros, y, tap + 3);
        ek_mve_fill(to, p->input_zero_point, left_bytes);
        ek_depthwise_s8_mve_interleave(a, b, c, d, row_bytes, to + left_bytes);
        to += left_bytes + 4 * row_bytes;
        ek_mve_fill(to, p->input_zero_point, right_bytes);
        to += right_bytes;
    }
}

EK_BODY void ek_depthwise_s8_mve_body(const ek_depthwise_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                      void *scratch) {
    const ek_mve_range range = {p->zero_point, p->low, p->high, p->is_plain};
    const int32_t stride = 4 * p->stride_x * p->channels_count;
    int8_t *const zeros = (int8_t *)scratch + p->groups * ek_depthwise_s8_mve_group_bytes(p) + 64;
    ek_mve_fill(zeros, p->input_zero_point, p->zeros_bytes);
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        ek_depthwise_s8_mve_gather(p, in, rows.in_first, y, zeros, scratch);
        const int8_t *x = scratch;
        int32_t left = p->out_width;
        for (; left > 1 && p->steps == 1; left -= 2, x += 2 * stride, out += 2 * p->channels_count) {
            ek_depthwise_s8_mve_two(p, &range, x, stride, out);
        }
        for (; left > 0; left--, x += stride, out += p->channels_count) {
            ek_depthwise_s8_mve_one(p, &range, x, out);
        }
    }
}

EK_SHARED void ek_depthwise_s8_mve(const ek_depthwise_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                   void *scratch) {
    ek_depthwise_s8_mve_body(p, in, out, rows, scratch);
}

#endif
