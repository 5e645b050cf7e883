/* DEPTHWISE_CONV_2D on int8 with 3 x 3 kernels and strides of 1 for the DSP extension.
 *
 * Of each output row, a tile at a time, and each four channels the input is turned into columns first: for each channel
 * a word with the upper two rows, and a word with the third. Then each channel goes over its columns, its weights in
 * registers, two outputs at a time. */
#ifndef EK_DEPTHWISE_3X3_S8_DSP_H
#define EK_DEPTHWISE_3X3_S8_DSP_H

#include "ek_dsp.h"

enum {
    EK_COLUMN = 8, /* words: two for each of four channels */
    EK_CHANNEL = 10
};

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t tile; /* outputs of a row that are computed together; even */
    int32_t input_zero_point, low, high;
    const int32_t *weights; /* [channels][10]: for each column two words of weights, doubled, as the inputs are; then
                               twice the bias, mantissa, addend, exponent */
} ek_depthwise_3x3_s8_dsp_params;

/* Three rows of four channels, from pixel to pixel. */
typedef struct {
    const int8_t *row[3];
    int32_t step[3];
} ek_depthwise_rows;

/* `count` pixels as columns. Returns where the next one goes. */
static inline int32_t *ek_depthwise_columns_s8_dsp(const ek_depthwise_rows *rows, int32_t count, int32_t less,
                                                   int32_t *to) {
    const int8_t *top = rows->row[0];
    const int8_t *middle = rows->row[1];
    const int8_t *bottom = rows->row[2];
    for (;;) {
        const int32_t x = ek_load(top), y = ek_load(middle), z = ek_load(bottom);
        const int32_t x02 = ek_sxtab16(less, x), y02 = ek_sxtab16(less, y), z02 = ek_sxtab16(less, z);
        to[0] = ek_low_halves(x02, y02);
        to[1] = z02;
        to[4] = ek_high_halves(x02, y02);
        to[5] = z02;
        const int32_t x13 = ek_sxtab16_odd(less, x), y13 = ek_sxtab16_odd(less, y), z13 = ek_sxtab16_odd(less, z);
        to[2] = ek_low_halves(x13, y13);
        to[3] = z13;
        to[6] = ek_high_halves(x13, y13);
        to[7] = z13;
        to += EK_COLUMN;
        count--;
        if (count == 0) {
            return to;
        }
        top += rows->step[0];
        middle += rows->step[1];
        bottom += rows->step[2];
    }
}

/* Columns of nothing. */
static inline int32_t *ek_depthwise_blank_s8_dsp(int32_t count, int32_t *to) {
    for (int32_t i = EK_COLUMN * count; i > 0; i--) {
        *to++ = 0;
    }
    return to;
}

/* One channel: `pairs` times two outputs, `apart` bytes from each other. */
EK_SHARED void ek_depthwise_channel_s8_dsp(const int32_t *channel, const int32_t *column, int32_t pairs, int8_t *out,
                                           int32_t apart) {
    const int32_t left_upper = channel[0], left_lower = channel[1];
    const int32_t middle_upper = channel[2], middle_lower = channel[3];
    const int32_t right_upper = channel[4], right_lower = channel[5];
    for (; pairs > 0; pairs--) {
        int32_t a = channel[6], b = channel[6];
        int32_t upper = column[0], lower = column[1];
        a = ek_smlad(upper, left_upper, a);
        a = ek_smlad(lower, left_lower, a);
        upper = column[EK_COLUMN];
        lower = column[EK_COLUMN + 1];
        a = ek_smlad(upper, middle_upper, a);
        a = ek_smlad(lower, middle_lower, a);
        b = ek_smlad(upper, left_upper, b);
        b = ek_smlad(lower, left_lower, b);
        upper = column[2 * EK_COLUMN];
        lower = column[2 * EK_COLUMN + 1];
        a = ek_smlad(upper, right_upper, a);
        a = ek_smlad(lower, right_lower, a);
        b = ek_smlad(upper, middle_upper, b);
        b = ek_smlad(lower, middle_lower, b);
        upper = column[3 * EK_COLUMN];
        lower = column[3 * EK_COLUMN + 1];
        b = ek_smlad(upper, right_upper, b);
        b = ek_smlad(lower, right_lower, b);
        const int32_t mantissa = channel[7], addend = channel[8], exponent = channel[9];
        out[apart] = ek_scaled_s8_dsp(b, mantissa, addend, exponent);
        out[0] = ek_scaled_s8_dsp(a, mantissa, addend, exponent);
        out += 2 * apart;
        column += 2 * EK_COLUMN;
    }
}

/* `count` outputs of four channels. */
static inline void ek_depthwise_tile_s8_dsp(const int32_t *channel, const int32_t *columns, int32_t count, int32_t step,
                                            int8_t *out) {
    const int32_t paired = count / 2 * 2;
    for (int32_t i = 0; i < 4; i++, channel += EK_CHANNEL, columns += 2, out++) {
        ek_depthwise_channel_s8_dsp(channel, columns, count / 2, out, step);
        if (paired < count) { /* the last one twice over itself */
            ek_depthwise_channel_s8_dsp(channel, columns + EK_COLUMN * paired, 1, out + paired * step, 0);
        }
    }
}

/* The outputs from column x on, `count` of them, of the output row whose first input row is `row`. */
static inline void ek_depthwise_part_s8_dsp(const ek_depthwise_3x3_s8_dsp_params *p, const int8_t *in, ek_rows rows,
                                            int32_t row, int32_t x, int32_t count, int8_t *out, int32_t *columns) {
    const int32_t channels = p->in_channels;
    const uint32_t zero = (uint32_t)p->input_zero_point & 0xFFu;
    const uint32_t less = (uint32_t)(-p->input_zero_point) & 0xFFFFu;
    const int32_t outside = (int32_t)(zero | zero << 8 | zero << 16 | zero << 24);
    const int32_t first = ek_max(0, x - p->pad_left);
    const int32_t last = ek_min(p->in_width, x - p->pad_left + count + 2);
    ek_depthwise_rows source;
    for (int32_t channel = 0; channel < channels; channel += 4) {
        for (int32_t i = 0; i < 3; i++) {
            const int is_inside = row + i >= 0 && row + i < p->in_height;
            const int32_t pixel = (row + i - rows.in_first) * p->in_width + first;
            source.row[i] = is_inside ? in + pixel * channels + channel : (const int8_t *)&outside;
            source.step[i] = is_inside ? channels : 0;
        }
        int32_t *to = ek_depthwise_blank_s8_dsp(first - (x - p->pad_left), columns);
        to = ek_depthwise_columns_s8_dsp(&source, last - first, (int32_t)(less << 16 | less), to);
        (void)ek_depthwise_blank_s8_dsp(x - p->pad_left + count + 3 - last, to);
        ek_depthwise_tile_s8_dsp(p->weights + channel * EK_CHANNEL, columns, count, channels, out + channel);
    }
}

/* scratch: columns of a tile and three more. */
EK_SHARED void ek_depthwise_3x3_s8_dsp(const ek_depthwise_3x3_s8_dsp_params *p, const int8_t *in, int8_t *out,
                                       ek_rows rows, void *scratch) {
    const int32_t pixels = rows.out_count * p->out_width;
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        for (int32_t x = 0; x < p->out_width; x += p->tile) {
            const int32_t count = ek_min(p->tile, p->out_width - x);
            const int32_t pixel = (y - rows.out_first) * p->out_width + x;
            ek_depthwise_part_s8_dsp(p, in, rows, y - p->pad_top, x, count, out + pixel * p->in_channels,
                                     (int32_t *)scratch);
        }
    }
    if (p->low > -128 || p->high < 127) {
        ek_clamp_s8(out, pixels * p->in_channels, p->low, p->high);
    }
}

#endif
