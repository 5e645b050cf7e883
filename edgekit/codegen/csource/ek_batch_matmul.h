/* BATCH_MATMUL's walk through its matrices, which may be transposed and repeated over batches. */
#ifndef EK_BATCH_MATMUL_H
#define EK_BATCH_MATMUL_H

#include "ek.h"

/* Strides are in elements; one of 0 repeats a matrix over a batch axis. */
typedef struct {
    int32_t batches[3];
    int32_t left_batch[3], right_batch[3];
    int32_t rows, columns, depth;
    int32_t left_row, left_step, right_column, right_step;
} ek_matmul;

/* Where the matrices of a batch begin. */
typedef struct {
    int32_t left, right;
} ek_matmul_at;

static inline int32_t ek_matmul_batches(const ek_matmul *p) { return p->batches[0] * p->batches[1] * p->batches[2]; }

static inline ek_matmul_at ek_matmul_begin(const ek_matmul *p, int32_t batch) {
    const int32_t third = batch % p->batches[2];
    const int32_t second = batch / p->batches[2] % p->batches[1];
    const int32_t first = batch / p->batches[2] / p->batches[1];
    ek_matmul_at at;
    at.left = first * p->left_batch[0] + second * p->left_batch[1] + third * p->left_batch[2];
    at.right = first * p->right_batch[0] + second * p->right_batch[1] + third * p->right_batch[2];
    return at;
}

#endif
