/* SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND on (batch, row, column, channels). */
#ifndef EK_BLOCKS_H
#define EK_BLOCKS_H

#include "ek.h"

/* `space` is the tensor of few and large images, `batch` the one of many small ones, of every block_y-th row and
 * block_x-th column; `top` and `left` are padding of the first, or what is cropped from it. */
typedef struct {
    int32_t space_batches, space_height, space_width;
    int32_t batch_height, batch_width;
    int32_t block_y, block_x, top, left;
    int32_t bytes; /* of a pixel */
    int32_t width; /* of an element: 1, 2 or 4 */
    int32_t value; /* the bits of a padded one */
} ek_blocks_params;

typedef ek_blocks_params ek_space_to_batch_params, ek_batch_to_space_params;

/* Copies pixels between the two, to whichever is `out`. */
EK_BODY void ek_blocks_copy(const ek_blocks_params *p, const void *in, void *out, int32_t to_space) {
    int32_t at = 0;
    for (int32_t b = 0; b < p->space_batches * p->block_y * p->block_x; b++) {
        const int32_t block = b / p->space_batches;
        for (int32_t i = 0; i < p->batch_height; i++) {
            const int32_t y = i * p->block_y + block / p->block_x - p->top;
            for (int32_t j = 0; j < p->batch_width; j++, at += p->bytes) {
                const int32_t x = j * p->block_x + block % p->block_x - p->left;
                if (y >= 0 && y < p->space_height && x >= 0 && x < p->space_width) {
                    const int32_t pixel = ((b % p->space_batches) * p->space_height + y) * p->space_width + x;
                    const int32_t from = to_space ? at : pixel * p->bytes;
                    const int32_t to = to_space ? pixel * p->bytes : at;
                    memcpy((uint8_t *)out + to, (const uint8_t *)in + from, (uint32_t)p->bytes);
                } else if (!to_space) {
                    for (int32_t k = 0; k < p->bytes; k++) {
                        ((uint8_t *)out)[at + k] = (uint8_t)((uint32_t)p->value >> (8 * (k % p->width)));
                    }
                }
            }
        }
    }
}

EK_SHARED void ek_space_to_batch(const ek_blocks_params *p, const void *in, void *out) {
    ek_blocks_copy(p, in, out, 0);
}

EK_SHARED void ek_batch_to_space(const ek_blocks_params *p, const void *in, void *out) {
    ek_blocks_copy(p, in, out, 1);
}

#endif
