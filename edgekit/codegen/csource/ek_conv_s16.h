/* CONV_2D on int16 activations and int8 weights with one scale a channel, in plain C. */
#ifndef EK_CONV_S16_H
#define EK_CONV_S16_H

#include "ek_wide.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t groups;
    const int8_t *weights; /* [out_channels][kernel_height][kernel_width][in_channels / groups] */
    ek_wide_scale scale;
} ek_conv_s16_params;

/* The sum of one output. What lies outside the input counts as 0, the zero point of int16. */
EK_BODY int64_t ek_conv_s16_sum(const ek_conv_s16_params *p, const int16_t *in, ek_rows rows, int32_t x,
                                int32_t channel) {
    const int32_t depth = p->in_channels / p->groups;
    const int32_t group = channel / (p->out_channels / p->groups);
    const int8_t *w = p->weights + channel * p->kernel_height * p->kernel_width * depth;
    int64_t sum = p->scale.bias[channel];
    for (int32_t ky = 0; ky < p->kernel_height; ky++) {
        const int32_t row = rows.out_first * p->stride_y - p->pad_top + ky * p->dilation_y;
        for (int32_t kx = 0; kx < p->kernel_width; kx++, w += depth) {
            const int32_t column = x * p->stride_x - p->pad_left + kx * p->dilation_x;
            if (row >= 0 && row < p->in_height && column >= 0 && column < p->in_width) {
                const int32_t pixel = (row - rows.in_first) * p->in_width + column;
                sum = ek_wide_dot(sum, w, in + pixel * p->in_channels + group * depth, depth);
            }
        }
    }
    return sum;
}

EK_BODY void ek_conv_s16_body(const ek_conv_s16_params *p, const int16_t *in, int16_t *out, ek_rows rows) {
    for (const int32_t end = rows.out_first + rows.out_count; rows.out_first < end; rows.out_first++) {
        for (int32_t x = 0; x < p->out_width; x++) {
            for (int32_t channel = 0; channel < p->out_channels; channel++) {
                *out++ = ek_wide_output(&p->scale, ek_conv_s16_sum(p, in, rows, x, channel), channel);
            }
        }
    }
}

EK_SHARED void ek_conv_s16(const ek_conv_s16_params *p, const int16_t *in, int16_t *out, ek_rows rows) {
    ek_conv_s16_body(p, in, out, rows);
}

#endif
