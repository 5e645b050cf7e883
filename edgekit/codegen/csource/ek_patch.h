/* A convolution's walk: from an output pixel to the patch of inputs that it is made of. */
#ifndef EK_PATCH_H
#define EK_PATCH_H

#include "ek.h"

typedef struct {
    int32_t batches; /* 1 where rows are computed */
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
    int32_t groups;    /* of channels; in depthwise layers output channels for each input channel */
    int32_t is_direct; /* a patch is a pixel as it lies in the input */
} ek_patch;

/* Where a patch begins, perhaps outside; row in_first of the input is the first that there is. */
typedef struct {
    int32_t in_first, y, x;
} ek_corner;

static inline ek_corner ek_corner_of(const ek_patch *p, ek_rows rows, int32_t y, int32_t x) {
    ek_corner at;
    at.in_first = rows.in_first;
    at.y = (rows.out_first + y) * p->stride_y - p->pad_top;
    at.x = x * p->stride_x - p->pad_left;
    return at;
}

/* The taps [first, end) of an axis that lie inside, the first tap at `start`. */
typedef struct {
    int32_t first, end;
} ek_span;

static inline ek_span ek_span_of(int32_t start, int32_t kernel, int32_t dilation, int32_t size) {
    ek_span span;
    span.first = start >= 0 ? 0 : (dilation - 1 - start) / dilation;
    span.end = start >= size ? 0 : ek_min(kernel, (size - start + dilation - 1) / dilation);
    return span;
}

/* Copies `pixel_bytes` of each pixel of a patch, those of a group of channels; outside there are zeros. */
static inline void ek_patch_gather(const ek_patch *p, const void *in, ek_corner at, int32_t pixel_bytes, void *patch) {
    uint8_t *to = (uint8_t *)patch;
    for (int32_t ky = 0; ky < p->kernel_height; ky++) {
        const int32_t y = at.y + ky * p->dilation_y;
        for (int32_t kx = 0; kx < p->kernel_width; kx++, to += pixel_bytes) {
            const int32_t x = at.x + kx * p->dilation_x;
            if (y >= 0 && y < p->in_height && x >= 0 && x < p->in_width) {
                const int32_t pixel = (y - at.in_first) * p->in_width + x;
                memcpy(to, (const uint8_t *)in + pixel * p->groups * pixel_bytes, (size_t)pixel_bytes);
            } else {
                memset(to, 0, (size_t)pixel_bytes);
            }
        }
    }
}

#endif
