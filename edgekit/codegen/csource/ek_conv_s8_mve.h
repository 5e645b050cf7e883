/* CONV_2D on int8 with one scale a channel, for Helium: two windows by four channels at a time. */
#ifndef EK_CONV_S8_MVE_H
#define EK_CONV_S8_MVE_H

#include "ek_mve.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t is_pointwise;    /* 1x1, strides of 1: windows are pixels, read where they lie */
    int32_t steps;           /* of 16 taps */
    const int8_t *weights;   /* [ceil(out_channels / 4)][steps][4][16] */
    const int32_t *channels; /* [ceil(out_channels / 4)][9] */
    int32_t input_zero_point;
    int32_t zero_point, is_plain, low, high;
} ek_conv_s8_mve_params;

/* The rows of an input that are there. */
typedef struct {
    const int8_t *in;
    const int8_t *end;
    int32_t first;
} ek_conv_s8_mve_input;

/* `lines` pieces of `run` bytes each, `pitch` bytes from each other, one after the other; in whole vectors, so up to 15
 * bytes more are read and written. */
static inline void ek_conv_s8_mve_lines(const int8_t *from, int32_t pitch, int32_t lines, int32_t run, int8_t *to) {
    for (; lines > 0; lines--, from += pitch, to += run) {
#if EK_MVE
        for (int32_t i = 0; i < run; i += EK_MVE_STEP) {
            vstrbq_s8(to + i, vldrbq_s8(from + i));
        }
#else
        memcpy(to, from, (size_t)((run + EK_MVE_STEP - 1) / EK_MVE_STEP * EK_MVE_STEP));
#endif
    }
}

/* A row of a window's taps that lies partly outside the input, where everything is the zero point. */
static inline void ek_conv_s8_mve_edge(const ek_conv_s8_mve_params *p, const int8_t *row, int32_t column, int8_t *to) {
    const int32_t channels = p->in_channels;
    for (int32_t kx = 0; kx < p->kernel_width; kx++, column += p->dilation_x, to += channels) {
        if (column >= 0 && column < p->in_width) {
            ek_mve_copy(to, row + column * channels, channels);
        } else {
            ek_mve_fill(to, p->input_zero_point, channels);
        }
    }
}

/* The taps of the window of output (y, x), one after the other. */
static __attribute__((noinline)) void ek_conv_s8_mve_gather(const ek_conv_s8_mve_params *p,
                                                            const ek_conv_s8_mve_input *input, int32_t y, int32_t x,
                                                            int8_t *to) {
    const int32_t run = p->kernel_width * p->in_channels;
    const int32_t row_bytes = p->in_width * p->in_channels;
    const int32_t pitch = p->dilation_y * row_bytes;
    const int32_t last = (p->kernel_height - 1) * p->dilation_y;
    const int32_t column = x * p->stride_x - p->pad_left;
    const int is_line = p->dilation_x == 1 && column >= 0 && column + p->kernel_width <= p->in_width;
    int32_t row = y * p->stride_y - p->pad_top;
    if (is_line && row >= 0 && row + last < p->in_height) {
        const int8_t *from = input->in + (row - input->first) * row_bytes + column * p->in_channels;
        if (input->end - (from + last * row_bytes) >= run + EK_MVE_STEP - 1) {
            ek_conv_s8_mve_lines(from, pitch, p->kernel_height, run, to);
            return;
        }
    }
    for (int32_t ky = 0; ky < p->kernel_height; ky++, row += p->dilation_y, to += run) {
        if (row < 0 || row >= p->in_height) {
            ek_mve_fill(to, p->input_zero_point, run);
        } else if (is_line) {
            ek_mve_copy(to, input->in + (row - input->first) * row_bytes + column * p->in_channels, run);
        } else {
            ek_conv_s8_mve_edge(p, input->in + (row - input->first) * row_bytes, column, to);
        }
    }
}

/* The rows that outputs need, as far as they are within the input. */
static inline ek_conv_s8_mve_input ek_conv_s8_mve_rows(const ek_conv_s8_mve_params *p, const int8_t *in, ek_rows rows) {
    const int32_t last_out = rows.out_first + rows.out_count - 1;
    const int32_t last = last_out * p->stride_y - p->pad_top + (p->kernel_height - 1) * p->dilation_y;
    const int32_t count = ek_min(last + 1, p->in_height) - rows.in_first;
    return (ek_conv_s8_mve_input){in, in + ek_max(count, 0) * p->in_width * p->in_channels, rows.in_first};
}

/* All channels of two windows. */
static inline void ek_conv_s8_mve_two(const ek_conv_s8_mve_params *p, const ek_mve_range *range, ek_mve_pair pair) {
    const int8_t *weights = p->weights;
    const int32_t *channels = p->channels;
    const int32_t rest = p->out_channels % EK_MVE_LANES;
    if (p->out_channels >= EK_MVE_LANES) {
        ek_mve_blocks(&pair, &weights, p->steps, &channels, p->out_channels / EK_MVE_LANES, range);
    }
    if (rest > 0) {
        ek_mve_block(pair.x0, weights, p->steps, channels, range, 0, pair.out0, rest);
        ek_mve_block(pair.x1, weights, p->steps, channels, range, 0, pair.out1, rest);
    }
}

EK_BODY void ek_conv_s8_mve_body(const ek_conv_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                 void *scratch) {
    const ek_mve_range range = {p->zero_point, p->is_plain, p->low, p->high};
    const ek_conv_s8_mve_input input = ek_conv_s8_mve_rows(p, in, rows);
    const int32_t taps = p->steps * EK_MVE_STEP;
    const int32_t count = rows.out_count * p->out_width;
    /* pixels that are read in whole steps without reading behind the input */
    const int32_t in_place = p->is_pointwise ? count - (taps - 1) / p->in_channels : 0;
    for (int32_t i = 0; i < count; i += 2) {
        const int32_t next = ek_min(i + 1, count - 1);
        ek_mve_pair pair = {in + i * p->in_channels, in + next * p->in_channels, out, out + (next - i) * p->out_channels};
        if (next >= in_place) {
            int8_t *const second = (int8_t *)scratch + (next - i) * taps;
            ek_conv_s8_mve_gather(p, &input, rows.out_first + i / p->out_width, i % p->out_width, scratch);
            ek_conv_s8_mve_gather(p, &input, rows.out_first + next / p->out_width, next % p->out_width, second);
            pair.x0 = scratch;
            pair.x1 = second;
        }
        ek_conv_s8_mve_two(p, &range, pair);
        out += 2 * p->out_channels;
    }
}

EK_SHARED void ek_conv_s8_mve(const ek_conv_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                              void *scratch) {
    ek_conv_s8_mve_body(p, in, out, rows, scratch);
}

#endif
