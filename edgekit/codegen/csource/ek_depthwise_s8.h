/* DEPTHWISE_CONV_2D on int8 with one scale a channel, in plain C. */
#ifndef EK_DEPTHWISE_S8_H
#define EK_DEPTHWISE_S8_H

#include "ek_dot_s8.h"
#include "ek_taps.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t batches, multiplier;
    const int8_t *weights; /* [kernel_height][kernel_width][out_channels] */
    const int32_t *bias;   /* for inputs less their zero point */
    const int32_t *mantissas;
    const int8_t *shifts;
    int32_t input_zero_point, output_zero_point, low, high;
} ek_depthwise_s8_params;

/* The taps of a window that lie inside the input. */
typedef struct {
    int32_t top, bottom, left, right; /* first one, and behind the last one */
} ek_depthwise_s8_inside;

/* What the taps inside add to the sum of a channel; `x` is the input at the first of them. */
EK_BODY int32_t ek_depthwise_s8_sum(const ek_depthwise_s8_params *p, const ek_depthwise_s8_inside *inside,
                                    const int8_t *x, int32_t channel, int32_t is_packed) {
    const int32_t across = p->dilation_x * p->in_channels;
    const int32_t down = p->dilation_y * p->in_width * p->in_channels;
    int32_t sum = 0;
    for (int32_t ky = inside->top; ky < inside->bottom; ky++) {
        int32_t weight = (ky * p->kernel_width + inside->left) * p->out_channels + channel;
        int32_t at = (ky - inside->top) * down;
        for (int32_t kx = inside->left; kx < inside->right; kx++, at += across, weight += p->out_channels) {
            sum += ek_weight(p->weights, weight, is_packed) * (x[at] - p->input_zero_point);
        }
    }
    return sum;
}

/* All channels of the pixel whose window begins at (row, column). */
EK_BODY void ek_depthwise_s8_pixel(const ek_depthwise_s8_params *p, const int8_t *in, int32_t in_first, int32_t row,
                                   int32_t column, int32_t is_packed, int8_t *out) {
    const ek_scaling_s8 to = {p->mantissas, p->shifts, p->output_zero_point, p->low, p->high, 0};
    const ek_depthwise_s8_inside inside = {
        ek_taps_before(row, 0, p->dilation_y, p->kernel_height),
        ek_taps_before(row, p->in_height, p->dilation_y, p->kernel_height),
        ek_taps_before(column, 0, p->dilation_x, p->kernel_width),
        ek_taps_before(column, p->in_width, p->dilation_x, p->kernel_width),
    };
    const int is_empty = inside.top >= inside.bottom || inside.left >= inside.right;
    const int32_t first = (row + inside.top * p->dilation_y - in_first) * p->in_width + column +
                          inside.left * p->dilation_x;
    const int8_t *const x = is_empty ? in : in + first * p->in_channels;
    for (int32_t channel = 0; channel < p->out_channels; channel++) {
        const int32_t sum =
            is_empty ? 0 : ek_depthwise_s8_sum(p, &inside, x + channel / p->multiplier, channel, is_packed);
        *out++ = ek_scaled_s8(&to, p->bias[channel] + sum, channel);
    }
}

EK_BODY void ek_depthwise_s8_any(const ek_depthwise_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                 int32_t is_packed) {
    for (int32_t y = 0; y < rows.out_count; y++) {
        const int32_t row = (rows.out_first + y) * p->stride_y - p->pad_top;
        for (int32_t x = 0; x < p->out_width; x++, out += p->out_channels) {
            ek_depthwise_s8_pixel(p, in, rows.in_first, row, x * p->stride_x - p->pad_left, is_packed, out);
        }
    }
}

EK_BODY void ek_depthwise_s8_body(const ek_depthwise_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    ek_depthwise_s8_any(p, in, out, rows, 0);
}

EK_SHARED void ek_depthwise_s8(const ek_depthwise_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    ek_depthwise_s8_body(p, in, out, rows);
}

/* The same for several images. */
typedef ek_depthwise_s8_params ek_depthwise_s8_batched_params;

EK_SHARED void ek_depthwise_s8_batched(const ek_depthwise_s8_params *p, const int8_t *in, int8_t *out) {
    const ek_rows rows = {0, 0, p->out_height};
    for (int32_t batch = 0; batch < p->batches; batch++) {
        ek_depthwise_s8_any(p, in, out, rows, 0);
        in += p->in_height * p->in_width * p->in_channels;
        out += p->out_height * p->out_width * p->out_channels;
    }
}

/* The same with weights of 4 bits, two a byte. */
typedef ek_depthwise_s8_params ek_depthwise_s8_w4_params;

EK_BODY void ek_depthwise_s8_w4_body(const ek_depthwise_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    ek_depthwise_s8_any(p, in, out, rows, 1);
}

EK_SHARED void ek_depthwise_s8_w4(const ek_depthwise_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    ek_depthwise_s8_w4_body(p, in, out, rows);
}

#endif
