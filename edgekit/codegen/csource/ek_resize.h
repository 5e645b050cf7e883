/* RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR on (batch, row, column, channel). */
#ifndef EK_RESIZE_H
#define EK_RESIZE_H

#include "ek.h"

typedef struct {
    int32_t batches, in_height, in_width, out_height, out_width;
    int32_t bytes; /* of a pixel */
    const uint16_t *rows;
    const uint16_t *columns; /* of the input, for each of the output's */
} ek_resize_nearest_params;

EK_SHARED void ek_resize_nearest(const ek_resize_nearest_params *p, const void *in, void *out) {
    uint8_t *to = (uint8_t *)out;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t y = 0; y < p->out_height; y++) {
            const int32_t row = (b * p->in_height + p->rows[y]) * p->in_width;
            for (int32_t x = 0; x < p->out_width; x++) {
                memcpy(to, (const uint8_t *)in + (row + p->columns[x]) * p->bytes, (uint32_t)p->bytes);
                to += p->bytes;
            }
        }
    }
}

/* Along an axis, for each of the output's elements: the input's elements on both sides, and 1024 times the share of the
 * second one. */
typedef struct {
    int32_t batches, in_height, in_width, out_height, out_width, channels;
    const uint16_t *above;
    const uint16_t *below;
    const int16_t *below_share;
    const uint16_t *left;
    const uint16_t *right;
    const int16_t *right_share;
} ek_resize_bilinear_params;

typedef struct {
    int32_t above, below, down; /* offsets of both rows, and the share of the second one */
} ek_resize_rows;

/* A column of an output row. Sums of int8 fit in 32 bits; they are rounded to nearest, halves away from zero. */
#define EK_RESIZE_BILINEAR(function, type, sum_type)                                                                  \
    typedef ek_resize_bilinear_params function##_params;                                                              \
    EK_BODY type *function##_column(const ek_resize_bilinear_params *p, const type *in, type *out, ek_resize_rows r,  \
                                    int32_t x) {                                                                      \
        const type *left = in + p->left[x] * p->channels;                                                             \
        const type *right = in + p->right[x] * p->channels;                                                           \
        const int32_t aside = p->right_share[x];                                                                      \
        const int32_t nigh = 1024 - aside;                                                                            \
        for (int32_t c = 0; c < p->channels; c++) {                                                                   \
            const sum_type upper = (sum_type)left[r.above + c] * nigh + (sum_type)right[r.above + c] * aside;    \
            const sum_type lower = (sum_type)left[r.below + c] * nigh + (sum_type)right[r.below + c] * aside;    \
            const sum_type sum = upper * (1024 - r.down) + lower * r.down;                                            \
            *out++ = (type)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));                                    \
        }                                                                                                             \
        return out;                                                                                                   \
    }                                                                                                                 \
    EK_SHARED void function(const ek_resize_bilinear_params *p, const type *in, type *out) {                          \
        const int32_t row = p->in_width * p->channels;                                                                \
        for (int32_t b = 0; b < p->batches; b++, in += p->in_height * row) {                                          \
            for (int32_t y = 0; y < p->out_height; y++) {                                                             \
                const ek_resize_rows r = {p->above[y] * row, p->below[y] * row, p->below_share[y]};                   \
                for (int32_t x = 0; x < p->out_width; x++) {                                                          \
                    out = function##_column(p, in, out, r, x);                                                        \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
    }

EK_RESIZE_BILINEAR(ek_resize_bilinear_s8, int8_t, int32_t)
EK_RESIZE_BILINEAR(ek_resize_bilinear_s16, int16_t, int64_t)

#endif
