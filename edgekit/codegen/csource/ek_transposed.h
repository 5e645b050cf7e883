/* The geometry of a transposed convolution, seen from its output. */
#ifndef EK_TRANSPOSED_H
#define EK_TRANSPOSED_H

#include "ek.h"

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, pad_top, pad_left;
} ek_transposed;

/* Along one axis, the inputs that reach an output: those in [first, end), `kernel` the weight of the first one; each
 * following input has the weight one stride before. */
typedef struct {
    int32_t first, end, kernel;
} ek_taps;

static inline ek_taps ek_taps_of(int32_t output, int32_t pad, int32_t kernel, int32_t stride, int32_t inputs) {
    const int32_t at = output + pad;
    ek_taps taps;
    taps.first = at < kernel ? 0 : (at - kernel + stride) / stride;
    taps.end = ek_min(at / stride + 1, inputs);
    taps.kernel = at - taps.first * stride;
    return taps;
}

static inline ek_taps ek_taps_y(const ek_transposed *p, int32_t y) {
    return ek_taps_of(y, p->pad_top, p->kernel_height, p->stride_y, p->in_height);
}

static inline ek_taps ek_taps_x(const ek_transposed *p, int32_t x) {
    return ek_taps_of(x, p->pad_left, p->kernel_width, p->stride_x, p->in_width);
}

#endif
