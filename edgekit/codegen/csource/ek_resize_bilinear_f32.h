/* RESIZE_BILINEAR on float32. */
#ifndef EK_RESIZE_BILINEAR_F32_H
#define EK_RESIZE_BILINEAR_F32_H

#include "ek_float.h"

/* For each row and column of the output the two of the input between which it lies, and how far from the first. */
typedef struct {
    int32_t batches, in_height, in_width, channels, out_height, out_width;
    const int16_t *upper, *lower;
    const float *down;
    const int16_t *left, *right;
    const float *across;
} ek_resize_bilinear_f32_params;

EK_SHARED void ek_resize_bilinear_f32(const ek_resize_bilinear_f32_params *p, const float *in, float *out) {
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->in_height * p->in_width * p->channels) {
        for (int32_t y = 0; y < p->out_height; y++) {
            const float *above = in + p->upper[y] * p->in_width * p->channels;
            const float *below = in + p->lower[y] * p->in_width * p->channels;
            const float down = p->down[y];
            for (int32_t x = 0; x < p->out_width; x++) {
                const int32_t left = p->left[x] * p->channels;
                const int32_t right = p->right[x] * p->channels;
                const float across = p->across[x];
                for (int32_t c = 0; c < p->channels; c++) {
                    *out++ = above[left + c] * (1.0f - down) * (1.0f - across) +
                             below[left + c] * down * (1.0f - across) +
                             above[right + c] * (1.0f - down) * across + below[right + c] * down * across;
                }
            }
        }
    }
}

#endif
