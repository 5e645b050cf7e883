/* TRANSPOSE_CONV on int16 activations and int8 weights with one scale a channel. */
#ifndef EK_TRANSPOSE_CONV_S16_H
#define EK_TRANSPOSE_CONV_S16_H

#include "ek_transposed.h"
#include "ek_wide.h"

typedef struct {
    ek_transposed shape;
    const int8_t *weights; /* [out_channels][kernel_height][kernel_width][in_channels] */
    ek_wide_scale scale;
} ek_transpose_conv_s16_params;

EK_BODY int64_t ek_transpose_conv_s16_sum(const ek_transpose_conv_s16_params *p, const int16_t *in, ek_taps rows,
                                          ek_taps columns, int32_t channel) {
    const ek_transposed *shape = &p->shape;
    int64_t sum = p->scale.bias[channel];
    for (int32_t y = rows.first, ky = rows.kernel; y < rows.end; y++, ky -= shape->stride_y) {
        for (int32_t x = columns.first, kx = columns.kernel; x < columns.end; x++, kx -= shape->stride_x) {
            const int32_t tap = (channel * shape->kernel_height + ky) * shape->kernel_width + kx;
            const int16_t *pixel = in + (y * shape->in_width + x) * shape->in_channels;
            sum = ek_wide_dot(sum, p->weights + tap * shape->in_channels, pixel, shape->in_channels);
        }
    }
    return sum;
}

EK_BODY void ek_transpose_conv_s16_body(const ek_transpose_conv_s16_params *p, const int16_t *in, int16_t *out) {
    for (int32_t y = 0; y < p->shape.out_height; y++) {
        const ek_taps rows = ek_taps_y(&p->shape, y);
        for (int32_t x = 0; x < p->shape.out_width; x++) {
            const ek_taps columns = ek_taps_x(&p->shape, x);
            for (int32_t channel = 0; channel < p->shape.out_channels; channel++) {
                const int64_t sum = ek_transpose_conv_s16_sum(p, in, rows, columns, channel);
                *out++ = ek_wide_output(&p->scale, sum, channel);
            }
        }
    }
}

EK_SHARED void ek_transpose_conv_s16(const ek_transpose_conv_s16_params *p, const int16_t *in, int16_t *out) {
    ek_transpose_conv_s16_body(p, in, out);
}

#endif
