/* DEPTHWISE_CONV_2D on int8 for the DSP extension: four channels at a time, any kernel. */
#ifndef EK_DEPTHWISE_S8_DSP_H
#define EK_DEPTHWISE_S8_DSP_H

#include "ek_dsp.h"

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
    int32_t right, down; /* bytes from tap to tap, and from the last tap of a row to the next row's first */
    int32_t first, skip; /* words of weights before the first tap, and from there likewise */
} ek_depthwise_taps;

/* Four channels of a pixel. */
static inline void ek_depthwise_four_s8_dsp(const ek_depthwise_taps *taps, const int8_t *in, const int32_t *w,
                                            const int32_t *scale, int32_t less, int8_t *out) {
    int32_t a = scale[0], b = scale[4], c = scale[8], d = scale[12];
    w += taps->first;
    for (int32_t row = taps->rows; row > 0; row--) {
        for (int32_t column = taps->columns;;) {
            const int32_t x = ek_load(in);
            const int32_t even = ek_sxtab16(less, x), odd = ek_sxtab16_odd(less, x);
            const int32_t ac = w[0], bd = w[1];
            a = ek_smlabb(even, ac, a);
            b = ek_smlabb(odd, bd, b);
            c = ek_smlatt(even, ac, c);
            d = ek_smlatt(odd, bd, d);
            column--;
            if (column == 0) {
                break;
            }
            in += taps->right;
            w += 2;
        }
        if (row > 1) {
            in += taps->down;
            w += taps->skip;
        }
    }
    out[0] = ek_scaled_s8_dsp(a, scale[1], scale[2], scale[3]);
    out[1] = ek_scaled_s8_dsp(b, scale[5], scale[6], scale[7]);
    out[2] = ek_scaled_s8_dsp(c, scale[9], scale[10], scale[11]);
    out[3] = ek_scaled_s8_dsp(d, scale[13], scale[14], scale[15]);
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

/* How many taps lie before the input, and how many before its end. */
static inline int32_t ek_taps_before(int32_t first, int32_t limit, int32_t dilation, int32_t kernel) {
    const int32_t distance = limit - first;
    return distance <= 0 ? 0 : ek_min(kernel, (distance + dilation - 1) / dilation);
}

EK_SHARED void ek_depthwise_s8_dsp(const ek_depthwise_s8_dsp_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    const int32_t channels = p->in_channels;
    const int32_t line = p->in_width * channels;
    int8_t *const begin = out;
    ek_depthwise_taps taps = {in, 0, 0, p->dilation_x * channels, 0, 0, 0};
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        const int32_t row = y * p->stride_y - p->pad_top;
        const int32_t above = ek_taps_before(row, 0, p->dilation_y, p->kernel_height);
        taps.rows = ek_taps_before(row, p->in_height, p->dilation_y, p->kernel_height) - above;
        int32_t column = -p->pad_left;
        for (int32_t x = 0; x < p->out_width; x++, column += p->stride_x, out += channels) {
            const int32_t left = ek_taps_before(column, 0, p->dilation_x, p->kernel_width);
            taps.columns = ek_taps_before(column, p->in_width, p->dilation_x, p->kernel_width) - left;
            if (taps.columns <= 0) {
                taps.rows = 0;
            }
            const int32_t first_row = row + above * p->dilation_y - rows.in_first;
            const int32_t first_column = column + left * p->dilation_x;
            taps.in = taps.rows > 0 ? in + first_row * line + first_column * channels : in;
            taps.down = p->dilation_y * line - (taps.columns - 1) * taps.right;
            taps.first = 2 * (above * p->kernel_width + left);
            taps.skip = 2 * (p->kernel_width - taps.columns + 1);
            ek_depthwise_pixel_s8_dsp(p, &taps, out);
        }
    }
    if (p->low > -128 || p->high < 127) {
        ek_clamp_s8(begin, (int32_t)(out - begin), p->low, p->high);
    }
}

#endif
