/* DEPTHWISE_CONV_2D on float32, in plain C. */
#ifndef EK_DEPTHWISE_F32_H
#define EK_DEPTHWISE_F32_H

#include "ek_float.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t multiplier;
    const float *weights; /* [kernel_height][kernel_width][out_channels] */
    const float *bias;
    float low, high;
} ek_depthwise_f32_params;

EK_BODY float ek_depthwise_f32_sum(const ek_depthwise_f32_params *p, const float *in, ek_rows rows, int32_t x,
                                   int32_t channel) {
    const float *w = p->weights + channel;
    float sum = 0.0f;
    for (int32_t ky = 0; ky < p->kernel_height; ky++) {
        const int32_t row = rows.out_first * p->stride_y - p->pad_top + ky * p->dilation_y;
        for (int32_t kx = 0; kx < p->kernel_width; kx++, w += p->out_channels) {
            const int32_t column = x * p->stride_x - p->pad_left + kx * p->dilation_x;
            if (row >= 0 && row < p->in_height && column >= 0 && column < p->in_width) {
                const int32_t pixel = (row - rows.in_first) * p->in_width + column;
                sum += *w * in[pixel * p->in_channels + channel / p->multiplier];
            }
        }
    }
    return sum;
}

EK_BODY void ek_depthwise_f32_body(const ek_depthwise_f32_params *p, const float *in, float *out, ek_rows rows) {
    for (const int32_t end = rows.out_first + rows.out_count; rows.out_first < end; rows.out_first++) {
        for (int32_t x = 0; x < p->out_width; x++) {
            for (int32_t channel = 0; channel < p->out_channels; channel++) {
                const float sum = ek_depthwise_f32_sum(p, in, rows, x, channel);
                *out++ = ek_clamp_f32(sum + p->bias[channel], p->low, p->high);
            }
        }
    }
}

EK_SHARED void ek_depthwise_f32(const ek_depthwise_f32_params *p, const float *in, float *out, ek_rows rows) {
    ek_depthwise_f32_body(p, in, out, rows);
}

#endif
