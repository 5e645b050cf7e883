/* PAD, PADV2 and MIRROR_PAD. */
#ifndef EK_PAD_H
#define EK_PAD_H

#include "ek.h"

/* Three outer axes and lines of elements; what follows the last padded axis is part of an element of a line. */
typedef struct {
    int32_t in_sizes[3], out_sizes[3], before[3];
    int32_t line_before, line_run, line_after; /* bytes */
    int32_t width;                             /* of an element with a value, 1, 2 or 4 */
    int32_t value;                             /* its bits */
} ek_pad_params;

typedef ek_pad_params ek_pad_rows_params;

EK_SHARED uint8_t *ek_pad_fill(const ek_pad_params *p, uint8_t *to, int32_t bytes) {
    for (int32_t i = 0; i < bytes; i += p->width) {
        for (int32_t k = 0; k < p->width; k++) {
            *to++ = (uint8_t)((uint32_t)p->value >> (8 * k));
        }
    }
    return to;
}

EK_SHARED void ek_pad_rows(const ek_pad_params *p, const void *in, void *out, ek_rows rows) {
    uint8_t *to = (uint8_t *)out;
    for (int32_t i = 0; i < p->out_sizes[0]; i++) {
        const int32_t plane = i - p->before[0];
        for (int32_t j = rows.out_first; j < rows.out_first + rows.out_count; j++) {
            const int32_t row = j - p->before[1];
            for (int32_t k = 0; k < p->out_sizes[2]; k++) {
                const int32_t line = k - p->before[2];
                if (plane < 0 || plane >= p->in_sizes[0] || row < 0 || row >= p->in_sizes[1] || line < 0 ||
                    line >= p->in_sizes[2]) {
                    to = ek_pad_fill(p, to, p->line_before + p->line_run + p->line_after);
                } else {
                    const int32_t at = (plane * p->in_sizes[1] + row - rows.in_first) * p->in_sizes[2] + line;
                    to = ek_pad_fill(p, to, p->line_before);
                    memmove(to, (const uint8_t *)in + at * p->line_run, (uint32_t)p->line_run);
                    to = ek_pad_fill(p, to + p->line_run, p->line_after);
                }
            }
        }
    }
}

EK_SHARED void ek_pad(const ek_pad_params *p, const void *in, void *out) {
    ek_pad_rows(p, in, out, (ek_rows){0, 0, p->out_sizes[1]});
}

typedef struct {
    int32_t in_sizes[4], out_sizes[4], before[4];
    int32_t with_edge; /* 1 where the edge itself is part of its mirror image */
    int32_t bytes;     /* of an element */
} ek_mirror_pad_params;

EK_BODY int32_t ek_mirror_pad_at(const ek_mirror_pad_params *p, int32_t axis, int32_t out_at) {
    const int32_t at = out_at - p->before[axis];
    if (at < 0) {
        return -at - p->with_edge;
    }
    return at < p->in_sizes[axis] ? at : 2 * p->in_sizes[axis] - 2 - at + p->with_edge;
}

EK_SHARED void ek_mirror_pad(const ek_mirror_pad_params *p, const void *in, void *out) {
    uint8_t *to = (uint8_t *)out;
    for (int32_t i = 0; i < p->out_sizes[0]; i++) {
        const int32_t at_i = ek_mirror_pad_at(p, 0, i);
        for (int32_t j = 0; j < p->out_sizes[1]; j++) {
            const int32_t at_j = at_i * p->in_sizes[1] + ek_mirror_pad_at(p, 1, j);
            for (int32_t k = 0; k < p->out_sizes[2]; k++) {
                const int32_t at_k = at_j * p->in_sizes[2] + ek_mirror_pad_at(p, 2, k);
                for (int32_t l = 0; l < p->out_sizes[3]; l++) {
                    const int32_t at = at_k * p->in_sizes[3] + ek_mirror_pad_at(p, 3, l);
                    memcpy(to, (const uint8_t *)in + at * p->bytes, (uint32_t)p->bytes);
                    to += p->bytes;
                }
            }
        }
    }
}

#endif
