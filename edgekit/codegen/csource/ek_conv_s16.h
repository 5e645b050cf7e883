/* CONV_2D on int16 activations and int8 weights with one scale a channel: the inputs of an output pixel are gathered,
 * group by group, and multiplied by two rows of weights at a time. */
#ifndef EK_CONV_S16_H
#define EK_CONV_S16_H

#include "ek_patch.h"
#include "ek_wide.h"

typedef struct {
    ek_patch shape;
    int32_t size; /* of a patch in a group, which is as long as a row of weights */
    const int8_t *weights; /* [out_channels][kernel_height][kernel_width][in_channels / groups] */
    ek_wide_scale scale;
} ek_conv_s16_params;

/* The outputs of a pixel, those of channels [first, end), from a patch. */
EK_BODY void ek_conv_s16_pixel(const ek_conv_s16_params *p, const int16_t *patch, int32_t first, int32_t end,
                               ek_wide_way way, int16_t *out) {
    const ek_wide_rows rows = {p->weights, p->size, way};
    for (int32_t channel = first; channel < end; channel += 2) {
        const ek_wide_sums sums = ek_wide_two(&rows, p->scale.bias, patch, channel, end);
        out[channel] = ek_wide_output(&p->scale, sums.first, channel);
        if (channel + 1 < end) {
            out[channel + 1] = ek_wide_output(&p->scale, sums.second, channel + 1);
        }
    }
}

EK_BODY void ek_conv_s16_any(const ek_conv_s16_params *p, const int16_t *in, int16_t *out, ek_rows rows, void *scratch,
                             ek_wide_way way) {
    const ek_patch *shape = &p->shape;
    const int32_t depth = shape->in_channels / shape->groups;
    const int32_t count = shape->out_channels / shape->groups;
    for (int32_t pixel = 0; pixel < rows.out_count * shape->out_width; pixel++, out += shape->out_channels) {
        const ek_corner at = ek_corner_of(shape, rows, pixel / shape->out_width, pixel % shape->out_width);
        for (int32_t group = 0; group < shape->groups; group++) {
            const int16_t *patch = (const int16_t *)scratch;
            if (shape->is_direct != 0) {
                patch = in + ((at.y - at.in_first) * shape->in_width + at.x) * depth;
            } else {
                ek_patch_gather(shape, in + group * depth, at, depth * (int32_t)sizeof(int16_t), scratch);
            }
            ek_conv_s16_pixel(p, patch, group * count, (group + 1) * count, way, out);
        }
    }
}

/* The functions of a variant: for rows of one image, in which `scratch` is for a patch, and for several images. */
#define EK_CONV_S16(function, way)                                                                                    \
    typedef ek_conv_s16_params function##_rows_params, function##_batched_params;                                     \
    EK_BODY void function##_rows_body(const ek_conv_s16_params *p, const int16_t *in, int16_t *out, ek_rows rows,     \
                                      void *scratch) {                                                                \
        ek_conv_s16_any(p, in, out, rows, scratch, way);                                                              \
    }                                                                                                                 \
    EK_SHARED void function##_rows(const ek_conv_s16_params *p, const int16_t *in, int16_t *out, ek_rows rows,        \
                                   void *scratch) {                                                                   \
        ek_conv_s16_any(p, in, out, rows, scratch, way);                                                              \
    }                                                                                                                 \
    EK_SHARED void function##_batched(const ek_conv_s16_params *p, const int16_t *in, int16_t *out, void *scratch) {  \
        const ek_patch *shape = &p->shape;                                                                            \
        for (int32_t batch = 0; batch < shape->batches; batch++) {                                                    \
            function##_rows(p, in, out, (ek_rows){0, 0, shape->out_height}, scratch);                                 \
            in += shape->in_height * shape->in_width * shape->in_channels;                                            \
            out += shape->out_height * shape->out_width * shape->out_channels;                                        \
        }                                                                                                             \
    }

EK_CONV_S16(ek_conv_s16, EK_WIDE_PLAIN)
EK_CONV_S16(ek_conv_s16_dsp, EK_WIDE_DSP)
EK_CONV_S16(ek_conv_s16_mve, EK_WIDE_MVE)

#endif
