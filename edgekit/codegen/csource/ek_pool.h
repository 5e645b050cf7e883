/* AVERAGE_POOL_2D and MAX_POOL_2D on int8 and int16. */
#ifndef EK_POOL_H
#define EK_POOL_H

#include "ek.h"

typedef struct {
    int32_t batches; /* 1 where rows are computed */
    int32_t in_height, in_width, channels;
    int32_t out_height, out_width;
    int32_t kernel_height, kernel_width, stride_y, stride_x, pad_top, pad_left;
    int32_t low, high;
} ek_pool_params;

typedef struct {
    int32_t top, bottom, left, right; /* of the input that the window sees; bottom and right are behind it */
} ek_pool_window;

typedef ek_pool_params ek_average_pool_s8_params, ek_average_pool_s8_rows_params;
typedef ek_pool_params ek_average_pool_s16_params, ek_average_pool_s16_rows_params;
typedef ek_pool_params ek_max_pool_s8_params, ek_max_pool_s8_rows_params;
typedef ek_pool_params ek_max_pool_s16_params, ek_max_pool_s16_rows_params;

EK_BODY int32_t ek_pool_average(int32_t sum, int32_t count) {
    return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

/* One output: in is the channel's element at (0, 0). */
EK_BODY int32_t ek_pool_one(const ek_pool_params *p, const void *in, ek_pool_window w, int32_t is_max, int32_t is_wide) {
    const int32_t line = (p->in_width - (w.right - w.left)) * p->channels;
    int32_t at = (w.top * p->in_width + w.left) * p->channels;
    int32_t sum = is_max ? INT16_MIN : 0;
    for (int32_t y = w.top; y < w.bottom; y++, at += line) {
        for (int32_t x = w.left; x < w.right; x++, at += p->channels) {
            const int32_t value = is_wide ? ((const int16_t *)in)[at] : ((const int8_t *)in)[at];
            sum = is_max ? ek_max(sum, value) : sum + value;
        }
    }
    return ek_clamp(is_max ? sum : ek_pool_average(sum, (w.bottom - w.top) * (w.right - w.left)), p->low, p->high);
}

/* What the window of output (y, x) sees, in rows from `in_first` on. */
EK_BODY ek_pool_window ek_pool_window_at(const ek_pool_params *p, int32_t in_first, int32_t y, int32_t x) {
    const int32_t top = y * p->stride_y - p->pad_top;
    const int32_t left = x * p->stride_x - p->pad_left;
    const ek_pool_window seen = {ek_max(top, 0) - in_first, ek_min(top + p->kernel_height, p->in_height) - in_first,
                                 ek_max(left, 0), ek_min(left + p->kernel_width, p->in_width)};
    return seen;
}

EK_BODY void ek_pool_rows(const ek_pool_params *p, const void *in, void *out, ek_rows rows, int32_t is_max,
                          int32_t is_wide) {
    int8_t *narrow = (int8_t *)out;
    int16_t *wide = (int16_t *)out;
    for (int32_t y = rows.out_first; y < rows.out_first + rows.out_count; y++) {
        for (int32_t x = 0; x < p->out_width; x++) {
            const ek_pool_window w = ek_pool_window_at(p, rows.in_first, y, x);
            for (int32_t c = 0; c < p->channels; c++) {
                if (is_wide) {
                    *wide++ = (int16_t)ek_pool_one(p, (const int16_t *)in + c, w, is_max, is_wide);
                } else {
                    *narrow++ = (int8_t)ek_pool_one(p, (const int8_t *)in + c, w, is_max, is_wide);
                }
            }
        }
    }
}

#define EK_POOL(function, type, is_max, is_wide)                                                                      \
    EK_SHARED void function##_rows(const ek_pool_params *p, const type *in, type *out, ek_rows rows) {                \
        ek_pool_rows(p, in, out, rows, is_max, is_wide);                                                              \
    }                                                                                                                 \
    EK_SHARED void function(const ek_pool_params *p, const type *in, type *out) {                                     \
        for (int32_t b = 0; b < p->batches; b++) {                                                                    \
            function##_rows(p, in, out, (ek_rows){0, 0, p->out_height});                                              \
            in += p->in_height * p->in_width * p->channels;                                                           \
            out += p->out_height * p->out_width * p->channels;                                                        \
        }                                                                                                             \
    }

EK_POOL(ek_average_pool_s8, int8_t, 0, 0)
EK_POOL(ek_average_pool_s16, int16_t, 0, 1)
EK_POOL(ek_max_pool_s8, int8_t, 1, 0)
EK_POOL(ek_max_pool_s16, int16_t, 1, 1)

#endif
