/* CONV_2D on int8 with one scale a channel, for Helium: two windows by four channels at a time.
 *
 * For each output row the input rows it needs are copied column by column, so that a window's taps lie one after the
 * other, and the next window begins some columns later. Windows of 1x1 are read where they lie. */
#ifndef EK_CONV_S8_MVE_H
#define EK_CONV_S8_MVE_H

#include "ek_mve.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_width, out_channels;
    int32_t kernel_height, stride_y, stride_x, dilation_y, pad_top;
    int32_t pad_left, columns, pad_right; /* of a row: outside, taken from the input, outside */
    int32_t is_pointwise;                 /* 1x1, strides of 1 */
    int32_t steps;                        /* of 16 taps */
    const int8_t *weights;   /* [ceil(out_channels / 4)][steps][4][16], taps by kernel column, row, input channel */
    const int32_t *channels; /* [ceil(out_channels / 4)][9] */
    int32_t input_zero_point;
    int32_t zero_point, is_plain, low, high;
} ek_conv_s8_mve_params;

/* The channels of two windows that do not fill a block. */
static inline void ek_conv_s8_mve_rest(const ek_conv_s8_mve_params *p, ek_mve_pair pair) {
    const ek_mve_range range = {p->zero_point, p->is_plain, p->low, p->high};
    const int32_t blocks = p->out_channels / EK_MVE_LANES;
    const int32_t done = blocks * EK_MVE_LANES;
    const int8_t *weights = p->weights + done * p->steps * EK_MVE_STEP;
    const int32_t *channels = p->channels + blocks * EK_MVE_CHANNEL_WORDS;
    const int32_t count = p->out_channels - done;
    ek_mve_block(pair.x0, weights, p->steps, channels, &range, 0, pair.out0 + done, count);
    ek_mve_block(pair.x1, weights, p->steps, channels, &range, 0, pair.out1 + done, count);
}

/* `count` windows, `step` bytes from each other. The last of an odd number is computed twice. */
static __attribute__((noinline)) void ek_conv_s8_mve_line(const ek_conv_s8_mve_params *p, const int8_t *x, int32_t step,
                                                          int32_t count, int8_t *out) {
    const ek_mve_range range = {p->zero_point, p->is_plain, p->low, p->high};
    const int32_t blocks = p->out_channels / EK_MVE_LANES;
    const int32_t rest = p->out_channels - blocks * EK_MVE_LANES;
    for (; count > 0; count -= 2, x += 2 * step, out += 2 * p->out_channels) {
        ek_mve_pair pair = {x, x, out, out};
        if (count > 1) {
            pair.x1 += step;
            pair.out1 += p->out_channels;
        }
        if (blocks > 0) {
            ek_mve_blocks(pair, p->weights, p->steps, p->channels, blocks, &range);
        }
        if (rest > 0) {
            ek_conv_s8_mve_rest(p, pair);
        }
    }
}

/* The pixels of a row, or zero points where `row` is NULL, `pitch` bytes from each other. */
static inline void ek_conv_s8_mve_spread(const ek_conv_s8_mve_params *p, const int8_t *row, int32_t pitch, int8_t *to) {
    const int32_t channels = p->in_channels;
    int32_t columns = p->columns;
    if (row == NULL) {
        for (; columns > 0; columns--, to += pitch) {
            ek_mve_fill(to, p->input_zero_point, channels);
        }
        return;
    }
#if EK_MVE
    if (channels <= EK_MVE_STEP) {
        const mve_pred16_t inside = vctp8q((uint32_t)channels);
        for (; columns > 0; columns--, row += channels, to += pitch) {
            vstrbq_p_s8(to, vldrbq_z_s8(row, inside), inside);
        }
    }
#endif
    for (; columns > 0; columns--, row += channels, to += pitch) {
        ek_mve_copy(to, row, channels);
    }
}

/* What output row y needs, column by column. */
static inline void ek_conv_s8_mve_gather(const ek_conv_s8_mve_params *p, const int8_t *in, int32_t in_first, int32_t y,
                                         int8_t *to) {
    const int32_t column_bytes = p->kernel_height * p->in_channels;
    int8_t *const inside = to + p->pad_left * column_bytes;
    int32_t row = y * p->stride_y - p->pad_top;
    for (int32_t ky = 0; ky < p->kernel_height; ky++, row += p->dilation_y) {
        const int is_inside = row >= 0 && row < p->in_height;
        const int8_t *from = is_inside ? in + (row - in_first) * p->in_width * p->in_channels : NULL;
        ek_conv_s8_mve_spread(p, from, column_bytes, inside + ky * p->in_channels);
    }
    ek_mve_fill(to, p->input_zero_point, p->pad_left * column_bytes);
    ek_mve_fill(inside + p->columns * column_bytes, p->input_zero_point, p->pad_right * column_bytes);
}

/* Pixels are windows. The last ones, of which whole steps may lie beyond the input, are copied. */
static inline void ek_conv_s8_mve_points(const ek_conv_s8_mve_params *p, const int8_t *in, int8_t *out, int32_t count,
                                         int8_t *scratch) {
    const int32_t beyond = (p->steps * EK_MVE_STEP - 1) / p->in_channels;
    const int32_t in_place = beyond > 0 ? ek_max(count - beyond, 0) / 2 * 2 : count;
    ek_conv_s8_mve_line(p, in, p->in_channels, in_place, out);
    if (in_place < count) {
        ek_mve_copy(scratch, in + in_place * p->in_channels, (count - in_place) * p->in_channels);
        out += in_place * p->out_channels;
        ek_conv_s8_mve_line(p, scratch, p->in_channels, count - in_place, out);
    }
}

EK_BODY void ek_conv_s8_mve_body(const ek_conv_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                 void *scratch) {
    if (p->is_pointwise) {
        ek_conv_s8_mve_points(p, in, out, rows.out_count * p->out_width, scratch);
        return;
    }
    const int32_t step = p->stride_x * p->kernel_height * p->in_channels;
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        ek_conv_s8_mve_gather(p, in, rows.in_first, y, scratch);
        ek_conv_s8_mve_line(p, scratch, step, p->out_width, out);
        out += p->out_width * p->out_channels;
    }
}

EK_SHARED void ek_conv_s8_mve(const ek_conv_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                              void *scratch) {
    ek_conv_s8_mve_body(p, in, out, rows, scratch);
}

#endif
