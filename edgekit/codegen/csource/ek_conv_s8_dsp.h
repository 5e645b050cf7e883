/* CONV_2D on int8 for the DSP extension: two output pixels at a time by all output channels. */
#ifndef EK_CONV_S8_DSP_H
#define EK_CONV_S8_DSP_H

#include "ek_matrix_s8_dsp.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t taps;                                    /* that lie side by side: kernel_width, 1 if they are dilated */
    int32_t input_zero_point;                        /* of what lies outside */
    int32_t words, channels, low, high, rounds_once; /* as in ek_matrix_s8 */
    const int32_t *weights;
    const int32_t *scales;
} ek_conv_s8_dsp_params;

/* `bytes` bytes of zero point, widened. */
EK_SHARED int32_t *ek_conv_fill_s8_dsp(const ek_conv_s8_dsp_params *p, int32_t bytes, int32_t *to, int32_t step) {
    const int32_t words = 2 * (bytes / 4) + (bytes % 4 + 1) / 2;
    const uint32_t half = (uint32_t)p->input_zero_point & 0xFFFFu;
    for (int32_t i = 0; i < words; i++, to += step) {
        *to = (int32_t)(half << 16 | half);
    }
    return to;
}

/* Taps side by side that stick out of the row: put together as bytes, then widened. */
EK_SHARED int32_t *ek_conv_edge_s8_dsp(const ek_conv_s8_dsp_params *p, const int8_t *row, int32_t column, int32_t *to,
                                       int32_t step, int8_t *bytes) {
    int8_t *end = bytes;
    for (int32_t tap = 0; tap < p->taps; tap++, column++) {
        const int is_inside = column >= 0 && column < p->in_width;
        for (int32_t i = 0; i < p->in_channels; i++) {
            *end++ = (int8_t)(is_inside ? row[column * p->in_channels + i] : p->input_zero_point);
        }
    }
    return ek_widen_s8_dsp(bytes, p->taps * p->in_channels, to, step);
}

/* Where an output pixel's inputs are, and where they go. */
typedef struct {
    const int8_t *in; /* row in_first */
    int32_t in_first, row, column;
    int32_t step; /* from word to word in the vectors */
    int8_t *bytes;
} ek_conv_place;

/* The inputs of an output pixel, widened. */
EK_SHARED void ek_conv_gather_s8_dsp(const ek_conv_s8_dsp_params *p, const ek_conv_place *at, int32_t *to) {
    const int32_t run = p->taps * p->in_channels;
    const int32_t row_bytes = p->in_width * p->in_channels;
    int32_t row = at->row;
    for (int32_t ky = 0; ky < p->kernel_height; ky++, row += p->dilation_y) {
        int32_t column = at->column;
        for (int32_t kx = 0; kx < p->kernel_width; kx += p->taps, column += p->dilation_x) {
            if (row < 0 || row >= p->in_height) {
                to = ek_conv_fill_s8_dsp(p, run, to, at->step);
                continue;
            }
            const int8_t *line = at->in + (row - at->in_first) * row_bytes;
            if (column < 0 || column + p->taps > p->in_width) {
                to = ek_conv_edge_s8_dsp(p, line, column, to, at->step, at->bytes);
            } else {
                to = ek_widen_s8_dsp(line + column * p->in_channels, run, to, at->step);
            }
        }
    }
}

/* scratch: 2 * words words, then the bytes of taps that lie side by side. */
EK_SHARED void ek_conv_s8_dsp(const ek_conv_s8_dsp_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                              void *scratch) {
    const ek_matrix_s8 m = {p->weights, p->scales, p->words, p->channels, p->low, p->high, p->rounds_once};
    int32_t *const vectors = (int32_t *)scratch;
    ek_conv_place at = {in, rows.in_first, 0, 0, 2, (int8_t *)(vectors + 2 * p->words)};
    const int32_t pixels = rows.out_count * p->out_width;
    int32_t y = rows.out_first;
    int32_t x = 0;
    for (int32_t done = 0; done < pixels; done += 2) {
        const int32_t count = ek_min(2, pixels - done);
        at.step = count;
        for (int32_t i = 0; i < count; i++) {
            at.row = y * p->stride_y - p->pad_top;
            at.column = x * p->stride_x - p->pad_left;
            ek_conv_gather_s8_dsp(p, &at, vectors + i);
            x++;
            if (x == p->out_width) {
                x = 0;
                y++;
            }
        }
        if (count == 2) {
            ek_matrix_two_s8_dsp(&m, vectors, out, out + p->channels);
        } else {
            ek_matrix_one_s8_dsp(&m, vectors, out);
        }
        if (p->low > -128 || p->high < 127) {
            ek_clamp_s8(out, count * p->channels, p->low, p->high);
        }
        out += count * p->channels;
    }
}

#endif
