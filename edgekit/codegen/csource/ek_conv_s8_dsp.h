/* CONV_2D on int8 for the DSP extension: two output pixels at a time by all output channels. */
#ifndef EK_CONV_S8_DSP_H
#define EK_CONV_S8_DSP_H

#include "ek_matrix_s8_dsp.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t taps;                                    /* that lie side by side: kernel_width, 1 if they are dilated */
    int32_t extent_y, extent_x;                      /* from the first tap to the last */
    int32_t is_pointwise;                            /* one tap, on every pixel, no padding */
    int32_t input_zero_point;                        /* of what lies outside */
    int32_t words, channels, low, high, rounds_once; /* as in ek_matrix_s8 */
    const int32_t *weights;
    const int32_t *scales;
} ek_conv_s8_dsp_params;

/* What multiplies: all output channels of two vectors, and of one. */
typedef struct {
    void (*two)(const ek_matrix_s8 *m, const int32_t *vectors, int8_t *out0, int8_t *out1);
    void (*one)(const ek_matrix_s8 *m, const int32_t *vector, int8_t *out);
} ek_matrix_kernels;

/* What the two output pixels of a step need beside the parameters. */
typedef struct {
    const int8_t *in; /* row in_first */
    int32_t in_first;
    int32_t row[2], column[2]; /* of the input, where the window begins */
    int8_t *edge[2];           /* room for taps side by side that stick out of a row */
    const int8_t *blank;       /* as many zero points */
} ek_conv_pair;

/* The taps side by side that begin at (row, column), for one of the pixels. */
static inline const int8_t *ek_conv_taps_s8_dsp(const ek_conv_s8_dsp_params *p, const ek_conv_pair *pair, int32_t which,
                                                int32_t row, int32_t column) {
    if (row < 0 || row >= p->in_height) {
        return pair->blank;
    }
    const int32_t channels = p->in_channels;
    const int8_t *const line = pair->in + (row - pair->in_first) * p->in_width * channels;
    if (column >= 0 && column + p->taps <= p->in_width) {
        return line + column * channels;
    }
    const int32_t first = ek_min(ek_max(0, -column), p->taps);
    const int32_t last = ek_max(first, ek_min(p->taps, p->in_width - column));
    int8_t *const edge = pair->edge[which];
    memcpy(edge, pair->blank, (size_t)(p->taps * channels));
    if (last > first) {
        memcpy(edge + first * channels, line + (column + first) * channels, (size_t)((last - first) * channels));
    }
    return edge;
}

/* Whether a pixel's window lies wholly inside. */
static inline int ek_conv_is_inside_s8_dsp(const ek_conv_s8_dsp_params *p, const ek_conv_pair *pair, int32_t which) {
    const int32_t row = pair->row[which];
    const int32_t column = pair->column[which];
    return row >= 0 && column >= 0 && row + p->extent_y <= p->in_height && column + p->extent_x <= p->in_width;
}

/* Where the window of a pixel that lies inside begins. */
static inline const int8_t *ek_conv_begin_s8_dsp(const ek_conv_s8_dsp_params *p, const ek_conv_pair *pair,
                                                 int32_t which) {
    const int32_t pixel = (pair->row[which] - pair->in_first) * p->in_width + pair->column[which];
    return pair->in + pixel * p->in_channels;
}

/* The inputs of two output pixels inside, widened. */
static inline void ek_conv_gather_inside_s8_dsp(const ek_conv_s8_dsp_params *p, const ek_conv_pair *pair, int32_t *to) {
    const int8_t *const first = ek_conv_begin_s8_dsp(p, pair, 0);
    const int8_t *const second = ek_conv_begin_s8_dsp(p, pair, 1);
    const int32_t run = p->taps * p->in_channels;
    const int32_t right = p->dilation_x * p->in_channels;
    const int32_t down = p->dilation_y * p->in_width * p->in_channels;
    for (int32_t ky = 0, line = 0; ky < p->kernel_height; ky++, line += down) {
        for (int32_t kx = 0, at = line; kx < p->kernel_width; kx += p->taps, at += right) {
            to = ek_widen_two_s8_dsp(first + at, second + at, run, to);
        }
    }
}

/* The inputs of one or two output pixels, widened. */
EK_SHARED void ek_conv_gather_s8_dsp(const ek_conv_s8_dsp_params *p, const ek_conv_pair *pair, int32_t count,
                                     int32_t *to) {
    const int32_t run = p->taps * p->in_channels;
    for (int32_t ky = 0; ky < p->kernel_height; ky++) {
        const int32_t down = ky * p->dilation_y;
        int32_t right = 0;
        for (int32_t kx = 0; kx < p->kernel_width; kx += p->taps, right += p->dilation_x) {
            const int8_t *const first = ek_conv_taps_s8_dsp(p, pair, 0, pair->row[0] + down, pair->column[0] + right);
            if (count < 2) {
                to = ek_widen_one_s8_dsp(first, run, to);
                continue;
            }
            const int8_t *const second = ek_conv_taps_s8_dsp(p, pair, 1, pair->row[1] + down, pair->column[1] + right);
            to = ek_widen_two_s8_dsp(first, second, run, to);
        }
    }
}

/* The outputs of one or two pixels. */
EK_BODY void ek_conv_pixels_s8_dsp(const ek_matrix_s8 *m, const ek_matrix_kernels *kernels, const int32_t *vectors,
                                   int32_t count, int8_t *out) {
    if (count == 2) {
        kernels->two(m, vectors, out, out + m->channels);
    } else {
        kernels->one(m, vectors, out);
    }
    if (m->low > -128 || m->high < 127) {
        ek_clamp_s8(out, count * m->channels, m->low, m->high);
    }
}

/* Kernels of one tap on every pixel: pixels are just vectors, one after the other. */
EK_BODY void ek_conv_pointwise_s8_dsp(const ek_matrix_s8 *m, const ek_matrix_kernels *kernels, const int8_t *in,
                                      int32_t depth, int32_t pixels, int8_t *out, int32_t *vectors) {
    for (; pixels > 0; pixels -= 2, in += 2 * depth, out += 2 * m->channels) {
        if (pixels > 1) {
            (void)ek_widen_two_s8_dsp(in, in + depth, depth, vectors);
        } else {
            (void)ek_widen_one_s8_dsp(in, depth, vectors);
        }
        ek_conv_pixels_s8_dsp(m, kernels, vectors, ek_min(pixels, 2), out);
    }
}

EK_BODY void ek_conv_any_dsp(const ek_conv_s8_dsp_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                             int32_t *vectors, const ek_matrix_kernels *kernels) {
    const ek_matrix_s8 m = {p->weights, p->scales, p->words, p->channels, p->low, p->high, p->rounds_once};
    const int32_t pixels = rows.out_count * p->out_width;
    if (p->is_pointwise) {
        const int32_t skipped = (rows.out_first - rows.in_first) * p->in_width;
        ek_conv_pointwise_s8_dsp(&m, kernels, in + skipped * p->in_channels, p->in_channels, pixels, out, vectors);
        return;
    }
    const int32_t run = p->taps * p->in_channels;
    int8_t *const bytes = (int8_t *)(vectors + 2 * p->words);
    memset(bytes, p->input_zero_point, (size_t)run);
    ek_conv_pair pair = {in, rows.in_first, {0, 0}, {0, 0}, {bytes + run, bytes + 2 * run}, bytes};
    int32_t y = rows.out_first;
    int32_t x = 0;
    for (int32_t done = 0; done < pixels; done += 2) {
        const int32_t count = ek_min(2, pixels - done);
        for (int32_t i = 0; i < count; i++) {
            pair.row[i] = y * p->stride_y - p->pad_top;
            pair.column[i] = x * p->stride_x - p->pad_left;
            x++;
            if (x == p->out_width) {
                x = 0;
                y++;
            }
        }
        if (count == 2 && ek_conv_is_inside_s8_dsp(p, &pair, 0) && ek_conv_is_inside_s8_dsp(p, &pair, 1)) {
            ek_conv_gather_inside_s8_dsp(p, &pair, vectors);
        } else {
            ek_conv_gather_s8_dsp(p, &pair, count, vectors);
        }
        ek_conv_pixels_s8_dsp(&m, kernels, vectors, count, out);
        out += count * p->channels;
    }
}

/* scratch: 2 * words words, then three times the bytes of taps that lie side by side. */
EK_SHARED void ek_conv_s8_dsp(const ek_conv_s8_dsp_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                              void *scratch) {
    static const ek_matrix_kernels kernels = {ek_matrix_two_s8_dsp, ek_matrix_one_s8_dsp};
    ek_conv_any_dsp(p, in, out, rows, (int32_t *)scratch, &kernels);
}

#endif
