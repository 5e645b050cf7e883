/* DEPTHWISE_CONV_2D on int8 for the DSP extension: four channels at a time, any kernel. */
#ifndef EK_DEPTHWISE_S8_DSP_H
#define EK_DEPTHWISE_S8_DSP_H

#include "ek_dsp.h"
#include "ek_taps.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t input_zero_point, low, high;
    const int32_t *weights; /* [channels / 4][taps][2]: twice the weights of channels 0 and 2, of 1 and 3 */
    const int32_t *scales;  /* [channels][4]: twice the bias, mantissa, addend, exponent */
} ek_depthwise_s8_dsp_params;

/* The taps of an output pixel that lie inside. */
typedef struct {
    const int8_t *in; /* where the first one is */
    int32_t rows, columns;
    int32_t right, down; /* bytes from tap to tap, and from row to row */
    int32_t first, next; /* words of weights before the first tap, and from row to row */
} ek_depthwise_taps;

/* Sums of four channels. */
typedef struct {
    int32_t a, b, c, d;
} ek_depthwise_sums;

/* One tap of four channels. */
static inline void ek_depthwise_tap_s8_dsp(ek_depthwise_sums *sums, int32_t x, const int32_t *w, int32_t less) {
    const int32_t even = ek_sxtab16(less, x);
    const int32_t odd = ek_sxtab16_odd(less, x);
    const int32_t ac = w[0];
    const int32_t bd = w[1];
    sums->a = ek_smlabb(even, ac, sums->a);
    sums->b = ek_smlabb(odd, bd, sums->b);
    sums->c = ek_smlatt(even, ac, sums->c);
    sums->d = ek_smlatt(odd, bd, sums->d);
}

/* The taps of four channels. */
#if defined(EK_HAS_DSP_ASSEMBLY)
#define EK_TEXT_TAP                            \
    "ldr %[x], [%[in]]\n\t"                  \
    "ldrd %[p], %[q], [%[w]], #8\n\t"        \
    "sxtab16 %[n], %[less], %[x]\n\t"        \
    "sxtab16 %[x], %[less], %[x], ror #8\n\t" \
    "smlabb %[a], %[n], %[p], %[a]\n\t"      \
    "smlatt %[c], %[n], %[p], %[c]\n\t"      \
    "smlabb %[b], %[x], %[q], %[b]\n\t"      \
    "smlatt %[d], %[x], %[q], %[d]\n\t"
static inline void ek_depthwise_sum_s8_dsp(ek_depthwise_sums *sums, const ek_depthwise_taps *taps, const int8_t *in,
                                           const int32_t *w, int32_t less) {
    int32_t n, p, q, x;
    int32_t left = taps->columns;
    const int32_t down = taps->down - taps->columns * taps->right;
    for (int32_t row = taps->rows;;) {
        __asm__ volatile("1:\n\t" EK_TEXT_TAP "add %[in], %[in], %[right]\n\tsubs %[left], %[left], #1\n\tbne 1b"
                         : [a] "+r"(sums->a), [b] "+r"(sums->b), [c] "+r"(sums->c), [d] "+r"(sums->d), [in] "+r"(in),
                           [w] "+r"(w), [left] "+r"(left), [n] "=&r"(n), [p] "=&r"(p), [q] "=&r"(q), [x] "=&r"(x)
                         : [right] "r"(taps->right), [less] "r"(less)
                         : "cc", "memory");
        row--;
        if (row == 0) {
            return;
        }
        left = taps->columns;
        in += down;
        w += taps->next - 2 * left;
    }
}
#else
static inline void ek_depthwise_sum_s8_dsp(ek_depthwise_sums *sums, const ek_depthwise_taps *taps, const int8_t *in,
                                           const int32_t *w, int32_t less) {
    for (int32_t row = 0; row < taps->rows; row++) {
        for (int32_t column = 0; column < taps->columns; column++) {
            const int8_t *const x = in + row * taps->down + column * taps->right;
            ek_depthwise_tap_s8_dsp(sums, ek_load(x), w + row * taps->next + 2 * column, less);
        }
    }
}
#endif

/* Four channels of a pixel. */
static inline void ek_depthwise_four_s8_dsp(const ek_depthwise_taps *taps, const int8_t *in, const int32_t *w,
                                            const int32_t *scale, int32_t less, int8_t *out) {
    ek_depthwise_sums sums = {scale[0], scale[4], scale[8], scale[12]};
    if (taps->rows > 0) {
        ek_depthwise_sum_s8_dsp(&sums, taps, in, w + taps->first, less);
    }
    out[0] = ek_scaled_s8_dsp(sums.a, scale[1], scale[2], scale[3]);
    out[1] = ek_scaled_s8_dsp(sums.b, scale[5], scale[6], scale[7]);
    out[2] = ek_scaled_s8_dsp(sums.c, scale[9], scale[10], scale[11]);
    out[3] = ek_scaled_s8_dsp(sums.d, scale[13], scale[14], scale[15]);
}

/* All channels of a pixel. */
EK_SHARED void ek_depthwise_pixel_s8_dsp(const ek_depthwise_s8_dsp_params *p, const ek_depthwise_taps *taps,
                                         int8_t *out) {
    const uint32_t less = (uint32_t)(-p->input_zero_point) & 0xFFFFu;
    const int32_t *w = p->weights;
    const int32_t *scale = p->scales;
    const int32_t step = 2 * p->kernel_height * p->kernel_width;
    for (int32_t channel = 0; channel < p->in_channels; channel += 4, w += step, scale += 16) {
        ek_depthwise_four_s8_dsp(taps, taps->in + channel, w, scale, (int32_t)(less << 16 | less), out + channel);
    }
}

/* Which taps of the output pixel whose window begins at (row, column) lie inside; `in` is row in_first. A kernel of one
 * column is taken for one of one row. */
static inline ek_depthwise_taps ek_depthwise_taps_s8_dsp(const ek_depthwise_s8_dsp_params *p, const int8_t *in,
                                                         int32_t in_first, int32_t row, int32_t column) {
    const int32_t line = p->in_width * p->in_channels;
    const int32_t above = ek_taps_before(row, 0, p->dilation_y, p->kernel_height);
    const int32_t left = ek_taps_before(column, 0, p->dilation_x, p->kernel_width);
    const int32_t rows = ek_taps_before(row, p->in_height, p->dilation_y, p->kernel_height) - above;
    const int32_t columns = ek_taps_before(column, p->in_width, p->dilation_x, p->kernel_width) - left;
    ek_depthwise_taps taps = {in, rows, columns, p->dilation_x * p->in_channels, p->dilation_y * line,
                              2 * (above * p->kernel_width + left), 2 * p->kernel_width};
    if (rows <= 0 || columns <= 0) {
        taps.rows = 0;
        return taps;
    }
    const int32_t first = (row + above * p->dilation_y - in_first) * p->in_width + column + left * p->dilation_x;
    taps.in += first * p->in_channels;
    if (p->kernel_width == 1) {
        taps.rows = 1;
        taps.columns = rows;
        taps.right = taps.down;
    }
    return taps;
}

EK_SHARED void ek_depthwise_s8_dsp(const ek_depthwise_s8_dsp_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    int8_t *const begin = out;
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        const int32_t row = y * p->stride_y - p->pad_top;
        for (int32_t x = 0; x < p->out_width; x++, out += p->in_channels) {
            const int32_t column = x * p->stride_x - p->pad_left;
            const ek_depthwise_taps taps = ek_depthwise_taps_s8_dsp(p, in, rows.in_first, row, column);
            ek_depthwise_pixel_s8_dsp(p, &taps, out);
        }
    }
    if (p->low > -128 || p->high < 127) {
        ek_clamp_s8(begin, (int32_t)(out - begin), p->low, p->high);
    }
}

#endif
