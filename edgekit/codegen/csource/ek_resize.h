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

typedef ek_resize_bilinear_params ek_resize_bilinear_s8_params, ek_resize_bilinear_s16_params;

EK_BODY int32_t ek_resize_at(const void *in, int32_t i, int32_t is_wide) {
    return is_wide ? ((const int16_t *)in)[i] : ((const int8_t *)in)[i];
}

/* To nearest, halves away from zero. */
EK_BODY int32_t ek_resize_round(int64_t sum) {
    return (int32_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
}

EK_BODY void ek_resize_bilinear(const ek_resize_bilinear_params *p, const void *in, void *out, int32_t is_wide) {
    int32_t at = 0;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t y = 0; y < p->out_height; y++) {
            const int32_t above = (b * p->in_height + p->above[y]) * p->in_width;
            const int32_t below = (b * p->in_height + p->below[y]) * p->in_width;
            const int32_t down = p->below_share[y];
            for (int32_t x = 0; x < p->out_width; x++) {
                const int32_t aside = p->right_share[x];
                for (int32_t c = 0; c < p->channels; c++, at++) {
                    const int64_t upper_left = ek_resize_at(in, (above + p->left[x]) * p->channels + c, is_wide);
                    const int64_t upper_right = ek_resize_at(in, (above + p->right[x]) * p->channels + c, is_wide);
                    const int64_t lower_left = ek_resize_at(in, (below + p->left[x]) * p->channels + c, is_wide);
                    const int64_t lower_right = ek_resize_at(in, (below + p->right[x]) * p->channels + c, is_wide);
                    const int64_t upper = upper_left * (1024 - aside) + upper_right * aside;
                    const int64_t lower = lower_left * (1024 - aside) + lower_right * aside;
                    const int32_t value = ek_resize_round(upper * (1024 - down) + lower * down);
                    if (is_wide) {
                        ((int16_t *)out)[at] = (int16_t)value;
                    } else {
                        ((int8_t *)out)[at] = (int8_t)value;
                    }
                }
            }
        }
    }
}

EK_SHARED void ek_resize_bilinear_s8(const ek_resize_bilinear_params *p, const int8_t *in, int8_t *out) {
    ek_resize_bilinear(p, in, out, 0);
}

EK_SHARED void ek_resize_bilinear_s16(const ek_resize_bilinear_params *p, const int16_t *in, int16_t *out) {
    ek_resize_bilinear(p, in, out, 1);
}

#endif
