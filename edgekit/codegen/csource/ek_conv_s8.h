/* CONV_2D on int8 with one scale a channel, in plain C: the inputs of an output pixel are gathered, group by group, and
 * multiplied by the rows of weights. */
#ifndef EK_CONV_S8_H
#define EK_CONV_S8_H

#include "ek_dot_s8.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t batches, groups;
    const int8_t *weights; /* [out_channels][kernel_height][kernel_width][in_channels / groups]; rows in whole bytes */
    const int32_t *bias;   /* less the input zero point times the channel's weights */
    const int32_t *mantissas;
    const int8_t *shifts;
    int32_t input_zero_point, output_zero_point, low, high;
} ek_conv_s8_params;

/* The stored inputs of a group at an output pixel; what lies outside counts as the zero point. */
EK_BODY void ek_conv_s8_gather(const ek_conv_s8_params *p, const int8_t *in, int32_t in_first, int32_t row,
                               int32_t column, int8_t *to) {
    const int32_t depth = p->in_channels / p->groups;
    for (int32_t ky = 0; ky < p->kernel_height; ky++) {
        const int32_t y = row + ky * p->dilation_y;
        for (int32_t kx = 0; kx < p->kernel_width; kx++, to += depth) {
            const int32_t x = column + kx * p->dilation_x;
            if (y >= 0 && y < p->in_height && x >= 0 && x < p->in_width) {
                memcpy(to, in + ((y - in_first) * p->in_width + x) * p->in_channels, (size_t)depth);
            } else {
                memset(to, p->input_zero_point, (size_t)depth);
            }
        }
    }
}

/* All output channels of a pixel whose window begins at (row, column). */
EK_BODY void ek_conv_s8_pixel(const ek_conv_s8_params *p, const int8_t *in, int32_t in_first, int32_t row,
                              int32_t column, int32_t is_packed, int8_t *out, int8_t *patch) {
    const ek_scaling_s8 to = {p->mantissas, p->shifts, p->output_zero_point, p->low, p->high, 0};
    const int32_t depth = p->in_channels / p->groups;
    const int32_t size = p->kernel_height * p->kernel_width * depth;
    const int32_t count = p->out_channels / p->groups;
    const int32_t group_bytes = count * (is_packed != 0 ? (size + 1) / 2 : size);
    for (int32_t group = 0; group < p->groups; group++) {
        ek_conv_s8_gather(p, in + group * depth, in_first, row, column, patch);
        ek_rows_any(&to, patch, p->weights + group * group_bytes, p->bias, size, group * count, count, is_packed,
                    out + group * count);
    }
}

EK_BODY void ek_conv_s8_any(const ek_conv_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows, int8_t *patch,
                            int32_t is_packed) {
    for (int32_t y = 0; y < rows.out_count; y++) {
        const int32_t row = (rows.out_first + y) * p->stride_y - p->pad_top;
        for (int32_t x = 0; x < p->out_width; x++, out += p->out_channels) {
            ek_conv_s8_pixel(p, in, rows.in_first, row, x * p->stride_x - p->pad_left, is_packed, out, patch);
        }
    }
}

/* scratch: the inputs of an output pixel in a group. */
EK_BODY void ek_conv_s8_body(const ek_conv_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows, void *scratch) {
    ek_conv_s8_any(p, in, out, rows, (int8_t *)scratch, 0);
}

EK_SHARED void ek_conv_s8(const ek_conv_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows, void *scratch) {
    ek_conv_s8_body(p, in, out, rows, scratch);
}

/* The same for several images. */
typedef ek_conv_s8_params ek_conv_s8_batched_params;

EK_SHARED void ek_conv_s8_batched(const ek_conv_s8_params *p, const int8_t *in, int8_t *out, void *scratch) {
    const ek_rows rows = {0, 0, p->out_height};
    for (int32_t batch = 0; batch < p->batches; batch++) {
        ek_conv_s8_any(p, in, out, rows, (int8_t *)scratch, 0);
        in += p->in_height * p->in_width * p->in_channels;
        out += p->out_height * p->out_width * p->out_channels;
    }
}

/* The same with weights of 4 bits, two a byte. */
typedef ek_conv_s8_params ek_conv_s8_w4_params;

EK_BODY void ek_conv_s8_w4_body(const ek_conv_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                void *scratch) {
    ek_conv_s8_any(p, in, out, rows, (int8_t *)scratch, 1);
}

EK_SHARED void ek_conv_s8_w4(const ek_conv_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows, void *scratch) {
    ek_conv_s8_w4_body(p, in, out, rows, scratch);
}

#endif
