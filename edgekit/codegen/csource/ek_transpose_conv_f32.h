/* TRANSPOSE_CONV on float32. */
#ifndef EK_TRANSPOSE_CONV_F32_H
#define EK_TRANSPOSE_CONV_F32_H

#include "ek_float.h"
#include "ek_transposed.h"

typedef struct {
    ek_transposed shape;
    const float *weights; /* [out_channels][kernel_height][kernel_width][in_channels] */
    const float *bias;
    float low, high;
} ek_transpose_conv_f32_params;

EK_BODY float ek_transpose_conv_f32_sum(const ek_transpose_conv_f32_params *p, const float *in, ek_taps rows,
                                        ek_taps columns, int32_t channel) {
    const ek_transposed *shape = &p->shape;
    float sum = 0.0f;
    for (int32_t y = rows.first, ky = rows.kernel; y < rows.end; y++, ky -= shape->stride_y) {
        for (int32_t x = columns.first, kx = columns.kernel; x < columns.end; x++, kx -= shape->stride_x) {
            const int32_t tap = (channel * shape->kernel_height + ky) * shape->kernel_width + kx;
            const float *pixel = in + (y * shape->in_width + x) * shape->in_channels;
            sum = ek_dot_f32(sum, p->weights + tap * shape->in_channels, pixel, shape->in_channels);
        }
    }
    return sum;
}

EK_BODY void ek_transpose_conv_f32_body(const ek_transpose_conv_f32_params *p, const float *in, float *out) {
    for (int32_t y = 0; y < p->shape.out_height; y++) {
        const ek_taps rows = ek_taps_y(&p->shape, y);
        for (int32_t x = 0; x < p->shape.out_width; x++) {
            const ek_taps columns = ek_taps_x(&p->shape, x);
            for (int32_t channel = 0; channel < p->shape.out_channels; channel++) {
                const float sum = ek_transpose_conv_f32_sum(p, in, rows, columns, channel);
                *out++ = ek_clamp_f32(sum + p->bias[channel], p->low, p->high);
            }
        }
    }
}

EK_SHARED void ek_transpose_conv_f32(const ek_transpose_conv_f32_params *p, const float *in, float *out) {
    ek_transpose_conv_f32_body(p, in, out);
}

#endif
