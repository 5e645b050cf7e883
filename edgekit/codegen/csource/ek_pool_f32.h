/* AVERAGE_POOL_2D and MAX_POOL_2D on float32. */
#ifndef EK_POOL_F32_H
#define EK_POOL_F32_H

#include "ek_float.h"
#include "ek_pool.h"

typedef struct {
    ek_pool_params shape; /* its range is not used */
    float low, high;
} ek_pool_f32_params;

/* One output: in is the channel's element at (0, 0). */
EK_BODY float ek_pool_f32_one(const ek_pool_f32_params *p, const float *in, ek_pool_window w, int32_t is_max) {
    float result = is_max ? -3.402823466e+38f : 0.0f;
    for (int32_t y = w.top; y < w.bottom; y++) {
        for (int32_t x = w.left; x < w.right; x++) {
            const float value = in[(y * p->shape.in_width + x) * p->shape.channels];
            result = is_max ? (result < value ? value : result) : result + value;
        }
    }
    const int32_t count = (w.bottom - w.top) * (w.right - w.left);
    return ek_clamp_f32(is_max ? result : result / (float)count, p->low, p->high);
}

EK_BODY void ek_pool_f32_rows(const ek_pool_f32_params *p, const float *in, float *out, ek_rows rows, int32_t is_max) {
    const ek_pool_params *shape = &p->shape;
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        const int32_t top = y * shape->stride_y - shape->pad_top;
        for (int32_t x = 0; x < shape->out_width; x++) {
            const int32_t left = x * shape->stride_x - shape->pad_left;
            const ek_pool_window w = {ek_max(top, 0) - rows.in_first,
                                      ek_min(top + shape->kernel_height, shape->in_height) - rows.in_first,
                                      ek_max(left, 0), ek_min(left + shape->kernel_width, shape->in_width)};
            for (int32_t c = 0; c < shape->channels; c++) {
                *out++ = ek_pool_f32_one(p, in + c, w, is_max);
            }
        }
    }
}

#define EK_POOL_F32(function, is_max)                                                                                 \
    typedef ek_pool_f32_params function##_params, function##_rows_params;                                             \
    EK_SHARED void function##_rows(const ek_pool_f32_params *p, const float *in, float *out, ek_rows rows) {          \
        ek_pool_f32_rows(p, in, out, rows, is_max);                                                                   \
    }                                                                                                                 \
    EK_SHARED void function(const ek_pool_f32_params *p, const float *in, float *out) {                               \
        const ek_pool_params *shape = &p->shape;                                                                      \
        for (int32_t b = 0; b < shape->batches; b++) {                                                                \
            function##_rows(p, in, out, (ek_rows){0, 0, shape->out_height});                                          \
            in += shape->in_height * shape->in_width * shape->channels;                                               \
            out += shape->out_height * shape->out_width * shape->channels;                                            \
        }                                                                                                             \
    }

EK_POOL_F32(ek_average_pool_f32, 0)
EK_POOL_F32(ek_max_pool_f32, 1)

#endif
