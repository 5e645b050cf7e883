/* CONV_2D on float32, in plain C: the inputs of an output pixel are gathered, group by group, and multiplied by four
 * rows of weights at a time. */
#ifndef EK_CONV_F32_H
#define EK_CONV_F32_H

#include "ek_float.h"
#include "ek_patch.h"

typedef struct {
    ek_patch shape;
    int32_t size; /* of a patch in a group, which is as long as a row of weights */
    const float *weights; /* [out_channels][kernel_height][kernel_width][in_channels / groups] */
    const float *bias;
    float low, high;
} ek_conv_f32_params;

EK_BODY void ek_conv_f32_any(const ek_conv_f32_params *p, const float *in, float *out, ek_rows rows, void *scratch) {
    const ek_patch *shape = &p->shape;
    const ek_layer_f32 layer = {p->weights, p->bias, p->size, p->low, p->high};
    const int32_t depth = shape->in_channels / shape->groups;
    const int32_t count = shape->out_channels / shape->groups;
    for (int32_t pixel = 0; pixel < rows.out_count * shape->out_width; pixel++, out += shape->out_channels) {
        const ek_corner at = ek_corner_of(shape, rows, pixel / shape->out_width, pixel % shape->out_width);
        for (int32_t group = 0; group < shape->groups; group++) {
            const float *patch = (const float *)scratch;
            if (shape->is_direct != 0) {
                patch = in + ((at.y - at.in_first) * shape->in_width + at.x) * depth;
            } else {
                ek_patch_gather(shape, in + group * depth, at, depth * (int32_t)sizeof(float), scratch);
            }
            ek_layer_outputs_f32(&layer, patch, group * count, count, out);
        }
    }
}

/* For rows of one image, in which `scratch` is for a patch, and for several images. */
typedef ek_conv_f32_params ek_conv_f32_rows_params, ek_conv_f32_batched_params;

EK_BODY void ek_conv_f32_rows_body(const ek_conv_f32_params *p, const float *in, float *out, ek_rows rows,
                                   void *scratch) {
    ek_conv_f32_any(p, in, out, rows, scratch);
}

EK_SHARED void ek_conv_f32_rows(const ek_conv_f32_params *p, const float *in, float *out, ek_rows rows,
                                void *scratch) {
    ek_conv_f32_any(p, in, out, rows, scratch);
}

EK_SHARED void ek_conv_f32_batched(const ek_conv_f32_params *p, const float *in, float *out, void *scratch) {
    const ek_patch *shape = &p->shape;
    for (int32_t batch = 0; batch < shape->batches; batch++) {
        ek_conv_f32_rows(p, in, out, (ek_rows){0, 0, shape->out_height}, scratch);
        in += shape->in_height * shape->in_width * shape->in_channels;
        out += shape->out_height * shape->out_width * shape->out_channels;
    }
}

#endif
