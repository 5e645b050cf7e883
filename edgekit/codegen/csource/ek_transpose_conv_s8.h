/* TRANSPOSE_CONV on int8 with one scale a channel: for each output the inputs that reach it, so no sums are stored. */
#ifndef EK_TRANSPOSE_CONV_S8_H
#define EK_TRANSPOSE_CONV_S8_H

#include "ek_transposed.h"

typedef struct {
    ek_transposed shape;
    const int8_t *weights; /* [out_channels][kernel_height][kernel_width][in_channels] */
    const int32_t *bias;
    const int32_t *mantissas;
    const int8_t *shifts;
    int32_t input_zero_point, output_zero_point, low, high;
} ek_transpose_conv_s8_params;

EK_BODY int32_t ek_transpose_conv_s8_sum(const ek_transpose_conv_s8_params *p, const int8_t *in, ek_taps rows,
                                         ek_taps columns, int32_t channel) {
    const ek_transposed *shape = &p->shape;
    int32_t sum = p->bias[channel];
    for (int32_t y = rows.first, ky = rows.kernel; y < rows.end; y++, ky -= shape->stride_y) {
        for (int32_t x = columns.first, kx = columns.kernel; x < columns.end; x++, kx -= shape->stride_x) {
            const int32_t tap = (channel * shape->kernel_height + ky) * shape->kernel_width + kx;
            const int8_t *w = p->weights + tap * shape->in_channels;
            const int8_t *pixel = in + (y * shape->in_width + x) * shape->in_channels;
            for (int32_t i = 0; i < shape->in_channels; i++) {
                sum += w[i] * (pixel[i] - p->input_zero_point);
            }
        }
    }
    return sum;
}

EK_BODY void ek_transpose_conv_s8_body(const ek_transpose_conv_s8_params *p, const int8_t *in, int8_t *out) {
    for (int32_t y = 0; y < p->shape.out_height; y++) {
        const ek_taps rows = ek_taps_y(&p->shape, y);
        for (int32_t x = 0; x < p->shape.out_width; x++) {
            const ek_taps columns = ek_taps_x(&p->shape, x);
            for (int32_t channel = 0; channel < p->shape.out_channels; channel++) {
                int32_t sum = ek_transpose_conv_s8_sum(p, in, rows, columns, channel);
                sum = ek_requantize(sum, p->mantissas[channel], p->shifts[channel]) + p->output_zero_point;
                *out++ = (int8_t)ek_clamp(sum, p->low, p->high);
            }
        }
    }
}

EK_SHARED void ek_transpose_conv_s8(const ek_transpose_conv_s8_params *p, const int8_t *in, int8_t *out) {
    ek_transpose_conv_s8_body(p, in, out);
}

#endif
