/* DEPTHWISE_CONV_2D on float32, in plain C. */
#ifndef EK_DEPTHWISE_F32_H
#define EK_DEPTHWISE_F32_H

#include "ek_float.h"
#include "ek_patch.h"

typedef struct {
    ek_patch shape;
    const float *weights; /* [kernel_height][kernel_width][out_channels] */
    const float *bias;
    float low, high;
} ek_depthwise_f32_params;

/* The sum of one output over the taps that lie inside; `in` is the input channel's element of the patch's first pixel
 * inside, `w` its weight. */
EK_BODY float ek_depthwise_f32_sum(const ek_depthwise_f32_params *p, const float *in, const float *w, float sum,
                                     int32_t rows, int32_t columns) {
    const ek_patch *shape = &p->shape;
    const int32_t step = shape->dilation_x * shape->in_channels;
    for (int32_t ky = 0; ky < rows; ky++) {
        const float *x = in + ky * shape->dilation_y * shape->in_width * shape->in_channels;
        const float *weight = w + ky * shape->kernel_width * shape->out_channels;
        for (int32_t kx = 0; kx < columns; kx++, x += step, weight += shape->out_channels) {
            sum += *weight * *x;
        }
    }
    return sum;
}

EK_BODY void ek_depthwise_f32_pixel(const ek_depthwise_f32_params *p, const float *in, ek_corner at, float *out) {
    const ek_patch *shape = &p->shape;
    const ek_span rows = ek_span_of(at.y, shape->kernel_height, shape->dilation_y, shape->in_height);
    const ek_span columns = ek_span_of(at.x, shape->kernel_width, shape->dilation_x, shape->in_width);
    const int32_t is_seen = rows.first < rows.end && columns.first < columns.end;
    const int32_t y = at.y + rows.first * shape->dilation_y - at.in_first;
    const int32_t x = at.x + columns.first * shape->dilation_x;
    const float *pixel = in + (is_seen ? (y * shape->in_width + x) * shape->in_channels : 0);
    const int32_t tap = is_seen ? rows.first * shape->kernel_width + columns.first : 0;
    const float *w = p->weights + tap * shape->out_channels;
    for (int32_t channel = 0; channel < shape->out_channels; pixel++) {
        for (int32_t i = 0; i < shape->groups; i++, channel++) {
            const float sum = ek_depthwise_f32_sum(p, pixel, w + channel, 0.0f,
                                                     rows.end - rows.first, columns.end - columns.first);
            *out++ = ek_clamp_f32(sum + p->bias[channel], p->low, p->high);
        }
    }
}

typedef ek_depthwise_f32_params ek_depthwise_f32_rows_params, ek_depthwise_f32_batched_params;

EK_BODY void ek_depthwise_f32_rows_body(const ek_depthwise_f32_params *p, const float *in, float *out,
                                        ek_rows rows) {
    for (int32_t y = 0; y < rows.out_count; y++) {
        for (int32_t x = 0; x < p->shape.out_width; x++, out += p->shape.out_channels) {
            ek_depthwise_f32_pixel(p, in, ek_corner_of(&p->shape, rows, y, x), out);
        }
    }
}

EK_SHARED void ek_depthwise_f32_rows(const ek_depthwise_f32_params *p, const float *in, float *out, ek_rows rows) {
    ek_depthwise_f32_rows_body(p, in, out, rows);
}

EK_SHARED void ek_depthwise_f32_batched(const ek_depthwise_f32_params *p, const float *in, float *out) {
    const ek_patch *shape = &p->shape;
    for (int32_t batch = 0; batch < shape->batches; batch++) {
        ek_depthwise_f32_rows(p, in, out, (ek_rows){0, 0, shape->out_height});
        in += shape->in_height * shape->in_width * shape->in_channels;
        out += shape->out_height * shape->out_width * shape->out_channels;
    }
}

#endif
