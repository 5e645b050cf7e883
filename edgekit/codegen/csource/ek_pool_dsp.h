/* AVERAGE_POOL_2D on int8 with the DSP extension: four channels at a time, windows of up to 256 elements. */
#ifndef EK_POOL_DSP_H
#define EK_POOL_DSP_H

#include "ek_dsp.h"
#include "ek_pool.h"

typedef ek_pool_params ek_average_pool_s8_dsp_rows_params;

/* The sums of bytes 0 and 2, and of 1 and 3, as halves: 256 bytes fit. */
typedef struct {
    int32_t even, odd;
} ek_pool_sums;

EK_BODY ek_pool_sums ek_pool_sums_dsp(const ek_pool_params *p, const int8_t *in, ek_pool_window w) {
    ek_pool_sums sums = {0, 0};
    in += (w.top * p->in_width + w.left) * p->channels;
    for (int32_t y = w.top; y < w.bottom; y++) {
        for (int32_t x = w.left; x < w.right; x++) {
            const int32_t word = ek_load(in);
            sums.even = ek_sxtab16(sums.even, word);
            sums.odd = ek_sxtab16_odd(sums.odd, word);
            in += p->channels;
        }
        in += (p->in_width - (w.right - w.left)) * p->channels;
    }
    return sums;
}

EK_BODY int8_t ek_pool_mean_dsp(const ek_pool_params *p, int32_t sum, int32_t count) {
    return (int8_t)ek_clamp(ek_pool_average(sum, count), p->low, p->high);
}

EK_SHARED void ek_average_pool_s8_dsp_rows(const ek_pool_params *p, const int8_t *in, int8_t *out, ek_rows rows) {
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        for (int32_t x = 0; x < p->out_width; x++) {
            const ek_pool_window w = ek_pool_window_at(p, rows.in_first, y, x);
            const int32_t count = (w.bottom - w.top) * (w.right - w.left);
            for (int32_t c = 0; c < p->channels; c += 4) {
                const ek_pool_sums sums = ek_pool_sums_dsp(p, in + c, w);
                *out++ = ek_pool_mean_dsp(p, (int16_t)(sums.even & 0xffff), count);
                *out++ = ek_pool_mean_dsp(p, (int16_t)(sums.odd & 0xffff), count);
                *out++ = ek_pool_mean_dsp(p, sums.even >> 16, count);
                *out++ = ek_pool_mean_dsp(p, sums.odd >> 16, count);
            }
        }
    }
}

#endif
