/* BATCH_MATMUL on float32, in plain C. */
#ifndef EK_BATCH_MATMUL_F32_H
#define EK_BATCH_MATMUL_F32_H

#include "ek_batch_matmul.h"

typedef struct {
    ek_matmul shape;
    const float *right; /* where the right matrices are constant */
} ek_batch_matmul_f32_params;

EK_BODY float ek_batch_matmul_f32_sum(const ek_batch_matmul_f32_params *p, const float *left,
                                      const float *right) {
    float sum = 0.0f;
    for (int32_t k = 0; k < p->shape.depth; k++) {
        sum += left[k * p->shape.left_step] * right[k * p->shape.right_step];
    }
    return sum;
}

EK_BODY void ek_batch_matmul_f32_body(const ek_batch_matmul_f32_params *p, const float *left, const float *right,
                                      float *out) {
    const ek_matmul *shape = &p->shape;
    for (int32_t batch = 0; batch < ek_matmul_batches(shape); batch++) {
        const ek_matmul_at at = ek_matmul_begin(shape, batch);
        for (int32_t row = 0; row < shape->rows; row++) {
            for (int32_t column = 0; column < shape->columns; column++) {
                const float sum = ek_batch_matmul_f32_sum(p, left + at.left + row * shape->left_row,
                                                          right + at.right + column * shape->right_column);
                *out++ = sum;
            }
        }
    }
}

EK_SHARED void ek_batch_matmul_f32(const ek_batch_matmul_f32_params *p, const float *left, const float *right,
                                   float *out) {
    ek_batch_matmul_f32_body(p, left, right, out);
}

/* The same with constant right matrices. */
typedef ek_batch_matmul_f32_params ek_batch_matmul_f32_constant_params;

EK_SHARED void ek_batch_matmul_f32_constant(const ek_batch_matmul_f32_params *p, const float *left, float *out) {
    ek_batch_matmul_f32_body(p, left, p->right, out);
}

#endif
