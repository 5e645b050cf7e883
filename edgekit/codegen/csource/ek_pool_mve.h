/* AVERAGE_POOL_2D on int8, for Helium: four channels at a time. */
#ifndef EK_POOL_MVE_H
#define EK_POOL_MVE_H

#include "ek_mve.h"
#include "ek_pool.h"

typedef ek_pool_params ek_average_pool_s8_mve_rows_params;

#if EK_MVE

/* Sums over a window of as many channels as make whole vectors; returns how many. */
static inline void ek_average_pool_s8_mve_sums(const ek_pool_params *p, const int8_t *in, ek_pool_window w,
                                               int32_t sums[4]) {
    int32x4_t total = vdupq_n_s32(0);
    for (int32_t y = w.top; y < w.bottom; y++) {
        const int8_t *pixel = in + (y * p->in_width + w.left) * p->channels;
        for (int32_t x = w.left; x < w.right; x++, pixel += p->channels) {
            total = vaddq_s32(total, vldrbq_s32(pixel));
        }
    }
    vstrwq_s32(sums, total);
}

#else

static inline void ek_average_pool_s8_mve_sums(const ek_pool_params *p, const int8_t *in, ek_pool_window w,
                                               int32_t sums[4]) {
    memset(sums, 0, 4 * sizeof sums[0]);
    for (int32_t y = w.top; y < w.bottom; y++) {
        for (int32_t x = w.left; x < w.right; x++) {
            for (int32_t i = 0; i < 4; i++) {
                sums[i] += in[(y * p->in_width + x) * p->channels + i];
            }
        }
    }
}

#endif

/* All channels of a window. */
static inline void ek_average_pool_s8_mve_window(const ek_pool_params *p, const int8_t *in, ek_pool_window w,
                                                 int8_t *out) {
    int32_t channel = 0;
    for (; channel + 4 <= p->channels; channel += 4) {
        int32_t sums[4];
        ek_average_pool_s8_mve_sums(p, in + channel, w, sums);
        for (int32_t i = 0; i < 4; i++) {
            const int32_t mean = ek_pool_average(sums[i], (w.bottom - w.top) * (w.right - w.left));
            out[channel + i] = (int8_t)ek_clamp(mean, p->low, p->high);
        }
    }
    for (; channel < p->channels; channel++) {
        out[channel] = (int8_t)ek_pool_one(p, in + channel, w, 0, 0);
    }
}

EK_SHARED void ek_average_pool_s8_mve_rows(const ek_pool_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        const int32_t top = y * p->stride_y - p->pad_top;
        for (int32_t x = 0; x < p->out_width; x++, out += p->channels) {
            const int32_t left = x * p->stride_x - p->pad_left;
            const ek_pool_window w = {
                ek_max(top, 0) - rows.in_first, ek_min(top + p->kernel_height, p->in_height) - rows.in_first,
                ek_max(left, 0), ek_min(left + p->kernel_width, p->in_width)};
            ek_average_pool_s8_mve_window(p, in, w, out);
        }
    }
}

#endif
