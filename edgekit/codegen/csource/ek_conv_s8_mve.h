/* CONV_2D on int8 with one scale a channel, for Helium: two windows by four channels at a time. */
#ifndef EK_CONV_S8_MVE_H
#define EK_CONV_S8_MVE_H

#include "ek_mve.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t is_point;        /* 1x1 without padding: windows are read where they lie */
    int32_t steps;           /* of 16 taps */
    const int8_t *weights;   /* [ceil(out_channels / 4)][steps][4][16] */
    const int32_t *channels; /* [ceil(out_channels / 4)][9] */
    int32_t input_zero_point;
    int32_t zero_point, low, high, is_plain;
} ek_conv_s8_mve_params;

/* Where the next window is. */
typedef struct {
    int32_t y, x;
} ek_conv_s8_mve_place;

/* One row of a window's taps; what lies outside the input is its zero point. `row` is NULL where all of it does. */
static inline void ek_conv_s8_mve_gather_row(const ek_conv_s8_mve_params *p, const int8_t *row, int32_t column,
                                             int8_t *to) {
    const int32_t channels = p->in_channels;
    if (row == NULL) {
        ek_mve_fill(to, p->input_zero_point, p->kernel_width * channels);
    } else if (p->dilation_x == 1 && column >= 0 && column + p->kernel_width <= p->in_width) {
        ek_mve_copy(to, row + column * channels, p->kernel_width * channels);
    } else {
        for (int32_t kx = 0; kx < p->kernel_width; kx++, column += p->dilation_x, to += channels) {
            if (column >= 0 && column < p->in_width) {
                ek_mve_copy(to, row + column * channels, channels);
            } else {
                ek_mve_fill(to, p->input_zero_point, channels);
            }
        }
    }
}

/* The taps of a window, one after the other. */
static __attribute__((noinline)) void ek_conv_s8_mve_gather(const ek_conv_s8_mve_params *p, const int8_t *in,
                                                            int32_t in_first, ek_conv_s8_mve_place at, int8_t *to) {
    int32_t row = at.y * p->stride_y - p->pad_top;
    for (int32_t ky = 0; ky < p->kernel_height; ky++, row += p->dilation_y) {
        const int is_inside = row >= 0 && row < p->in_height;
        const int8_t *from = is_inside ? in + (row - in_first) * p->in_width * p->in_channels : NULL;
        ek_conv_s8_mve_gather_row(p, from, at.x * p->stride_x - p->pad_left, to);
        to += p->kernel_width * p->in_channels;
    }
}

/* A window's taps: where they lie if they may be read in whole steps up to `end`, else gathered. */
static inline const int8_t *ek_conv_s8_mve_window(const ek_conv_s8_mve_params *p, const int8_t *in, const int8_t *end,
                                                  int32_t in_first, ek_conv_s8_mve_place at, int8_t *buffer) {
    if (p->is_point) {
        const int32_t pixel = (at.y * p->stride_y - in_first) * p->in_width + at.x * p->stride_x;
        const int8_t *window = in + pixel * p->in_channels;
        if (end - window >= p->steps * EK_MVE_STEP) {
            return window;
        }
    }
    ek_conv_s8_mve_gather(p, in, in_first, at, buffer);
    return buffer;
}

static inline ek_conv_s8_mve_place ek_conv_s8_mve_next(const ek_conv_s8_mve_params *p, ek_conv_s8_mve_place at) {
    at.x++;
    if (at.x == p->out_width) {
        at.x = 0;
        at.y++;
    }
    return at;
}

EK_BODY void ek_conv_s8_mve_body(const ek_conv_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                 void *scratch) {
    const ek_mve_range range = {p->zero_point, p->low, p->high, p->is_plain};
    const int32_t last = (rows.out_first + rows.out_count - 1) * p->stride_y;
    const int8_t *const end = in + (last + 1 - rows.in_first) * p->in_width * p->in_channels;
    const int32_t taps = p->steps * EK_MVE_STEP;
    ek_conv_s8_mve_place at = {rows.out_first, 0};
    for (int32_t left = rows.out_count * p->out_width; left > 0; left -= 2) {
        const int8_t *x0 = ek_conv_s8_mve_window(p, in, end, rows.in_first, at, scratch);
        at = ek_conv_s8_mve_next(p, at);
        const int8_t *x1 = x0;
        int8_t *out1 = out;
        if (left > 1) {
            x1 = ek_conv_s8_mve_window(p, in, end, rows.in_first, at, (int8_t *)scratch + taps);
            at = ek_conv_s8_mve_next(p, at);
            out1 = out + p->out_channels;
        }
        const int8_t *weights = p->weights;
        const int32_t *channels = p->channels;
        for (int32_t count = p->out_channels; count > 0; count -= EK_MVE_LANES) {
            ek_mve_block(x0, x1, &weights, p->steps, &channels, &range, out, out1, count);
            out += ek_min(count, EK_MVE_LANES);
            out1 += ek_min(count, EK_MVE_LANES);
        }
        out = out1;
    }
}

EK_SHARED void ek_conv_s8_mve(const ek_conv_s8_mve_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                              void *scratch) {
    ek_conv_s8_mve_body(p, in, out, rows, scratch);
}

#endif
