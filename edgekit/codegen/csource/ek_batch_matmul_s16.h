/* BATCH_MATMUL on int16, in plain C. */
#ifndef EK_BATCH_MATMUL_S16_H
#define EK_BATCH_MATMUL_S16_H

#include "ek_batch_matmul.h"

typedef struct {
    ek_matmul shape;
    const int16_t *right; /* where the right matrices are constant */
    int32_t mantissa, shift; /* of 15 bits, and to the right */
} ek_batch_matmul_s16_params;

/* As TFLite's MultiplyByQuantizedMultiplier on int64. */
static inline int16_t ek_batch_matmul_s16_scaled(const ek_batch_matmul_s16_params *p, int64_t sum) {
    const int64_t scaled = (sum * p->mantissa + (INT64_C(1) << (p->shift - 1))) >> p->shift;
    return (int16_t)ek_clamp((int32_t)scaled, -32768, 32767);
}

EK_BODY int64_t ek_batch_matmul_s16_sum(const ek_batch_matmul_s16_params *p, const int16_t *left,
                                      const int16_t *right) {
    int64_t sum = 0;
    for (int32_t k = 0; k < p->shape.depth; k++) {
        sum += (int32_t)left[k * p->shape.left_step] * right[k * p->shape.right_step];
    }
    return sum;
}

EK_BODY void ek_batch_matmul_s16_body(const ek_batch_matmul_s16_params *p, const int16_t *left, const int16_t *right,
                                      int16_t *out) {
    const ek_matmul *shape = &p->shape;
    for (int32_t batch = 0; batch < ek_matmul_batches(shape); batch++) {
        const ek_matmul_at at = ek_matmul_begin(shape, batch);
        for (int32_t row = 0; row < shape->rows; row++) {
            for (int32_t column = 0; column < shape->columns; column++) {
                const int64_t sum = ek_batch_matmul_s16_sum(p, left + at.left + row * shape->left_row,
                                                          right + at.right + column * shape->right_column);
                *out++ = ek_batch_matmul_s16_scaled(p, sum);
            }
        }
    }
}

EK_SHARED void ek_batch_matmul_s16(const ek_batch_matmul_s16_params *p, const int16_t *left, const int16_t *right,
                                   int16_t *out) {
    ek_batch_matmul_s16_body(p, left, right, out);
}

/* The same with constant right matrices. */
typedef ek_batch_matmul_s16_params ek_batch_matmul_s16_constant_params;

EK_SHARED void ek_batch_matmul_s16_constant(const ek_batch_matmul_s16_params *p, const int16_t *left, int16_t *out) {
    ek_batch_matmul_s16_body(p, left, p->right, out);
}

#endif
