/* BATCH_MATMUL on int8, in plain C. */
#ifndef EK_BATCH_MATMUL_S8_H
#define EK_BATCH_MATMUL_S8_H

#include "ek_batch_matmul.h"

typedef struct {
    ek_matmul shape;
    const int8_t *right; /* where the right matrices are constant */
    int32_t left_zero_point, right_zero_point, output_zero_point, mantissa, shift;
} ek_batch_matmul_s8_params;

EK_BODY int32_t ek_batch_matmul_s8_sum(const ek_batch_matmul_s8_params *p, const int8_t *left,
                                      const int8_t *right) {
    int32_t sum = 0;
    for (int32_t k = 0; k < p->shape.depth; k++) {
        sum += (left[k * p->shape.left_step] - p->left_zero_point) *
               (right[k * p->shape.right_step] - p->right_zero_point);
    }
    return sum;
}

EK_BODY void ek_batch_matmul_s8_body(const ek_batch_matmul_s8_params *p, const int8_t *left, const int8_t *right,
                                      int8_t *out) {
    const ek_matmul *shape = &p->shape;
    for (int32_t batch = 0; batch < ek_matmul_batches(shape); batch++) {
        const ek_matmul_at at = ek_matmul_begin(shape, batch);
        for (int32_t row = 0; row < shape->rows; row++) {
            for (int32_t column = 0; column < shape->columns; column++) {
                const int32_t sum = ek_batch_matmul_s8_sum(p, left + at.left + row * shape->left_row,
                                                          right + at.right + column * shape->right_column);
                *out++ = (int8_t)ek_clamp(ek_requantize(sum, p->mantissa, p->shift) + p->output_zero_point, -128, 127);
            }
        }
    }
}

EK_SHARED void ek_batch_matmul_s8(const ek_batch_matmul_s8_params *p, const int8_t *left, const int8_t *right,
                                   int8_t *out) {
    ek_batch_matmul_s8_body(p, left, right, out);
}

/* The same with constant right matrices. */
typedef ek_batch_matmul_s8_params ek_batch_matmul_s8_constant_params;

EK_SHARED void ek_batch_matmul_s8_constant(const ek_batch_matmul_s8_params *p, const int8_t *left, int8_t *out) {
    ek_batch_matmul_s8_body(p, left, p->right, out);
}

#endif
