/* CONV_2D on int8 with one scale a channel, in plain C. */
#ifndef EK_CONV_S8_H
#define EK_CONV_S8_H

#include "ek.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t groups;
    const int8_t *weights; /* [out_channels][kernel_height][kernel_width][in_channels / groups] */
    const int32_t *bias;   /* less the input zero point times the channel's weights */
    const int32_t *mantissas;
    const int8_t *shifts;
    int32_t input_zero_point, output_zero_point, low, high;
} ek_conv_s8_params;

/* The sum of one output over the stored inputs; what lies outside counts as the zero point. */
EK_BODY int32_t ek_conv_s8_sum(const ek_conv_s8_params *p, const int8_t *in, int32_t in_first, int32_t y, int32_t x,
                               int32_t channel) {
    const int32_t depth = p->in_channels / p->groups;
    const int32_t group = channel / (p->out_channels / p->groups);
    const int8_t *w = p->weights + channel * p->kernel_height * p->kernel_width * depth;
    int32_t sum = p->bias[channel];
    for (int32_t ky = 0; ky < p->kernel_height; ky++) {
        const int32_t row = y * p->stride_y - p->pad_top + ky * p->dilation_y;
        for (int32_t kx = 0; kx < p->kernel_width; kx++, w += depth) {
            const int32_t column = x * p->stride_x - p->pad_left + kx * p->dilation_x;
            const int is_inside = row >= 0 && row < p->in_height && column >= 0 && column < p->in_width;
            const int8_t *pixel =
                is_inside ? in + ((row - in_first) * p->in_width + column) * p->in_channels + group * depth : in;
            for (int32_t i = 0; i < depth; i++) {
                sum += w[i] * (is_inside ? pixel[i] : p->input_zero_point);
            }
        }
    }
    return sum;
}

EK_BODY void ek_conv_s8_body(const ek_conv_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        for (int32_t x = 0; x < p->out_width; x++) {
            for (int32_t channel = 0; channel < p->out_channels; channel++) {
                int32_t sum = ek_conv_s8_sum(p, in, rows.in_first, y, x, channel);
                sum = ek_requantize(sum, p->mantissas[channel], p->shifts[channel]) + p->output_zero_point;
                *out++ = (int8_t)ek_clamp(sum, p->low, p->high);
            }
        }
    }
}

EK_SHARED void ek_conv_s8(const ek_conv_s8_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    ek_conv_s8_body(p, in, out, rows);
}

#endif
