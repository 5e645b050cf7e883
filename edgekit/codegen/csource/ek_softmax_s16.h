/* SOFTMAX on int16, by tables of the exponential function and of 1 / (1 + x). */
#ifndef EK_SOFTMAX_S16_H
#define EK_SOFTMAX_S16_H

#include "ek_curve_s16.h"

typedef struct {
    int32_t rows, depth;
    int32_t mantissa, shift;        /* to 10 / 65535 */
    const int16_t *exponentials;    /* [513]: of -10 to 0 */
    const int16_t *reciprocals;     /* [513]: 1 / (1 + x) of 0 to 1 */
} ek_softmax_s16_params;

EK_BODY int32_t ek_softmax_s16_saturate(int32_t x) { return ek_clamp(x, INT16_MIN, INT16_MAX); }

EK_BODY void ek_softmax_s16_row(const ek_softmax_s16_params *p, const int16_t *in, int16_t *out) {
    int32_t greatest = INT16_MIN;
    for (int32_t i = 0; i < p->depth; i++) {
        greatest = ek_max(greatest, in[i]);
    }
    int32_t sum = 0; /* 15 bits of fraction */
    for (int32_t i = 0; i < p->depth; i++) {
        const int32_t scaled = ek_requantize(in[i] - greatest, p->mantissa, p->shift) + 32767;
        out[i] = (int16_t)ek_curve_s16_at(p->exponentials, ek_softmax_s16_saturate(scaled));
        sum += out[i];
    }
    int32_t headroom = 1;
    while (headroom < 32 && (sum >> (31 - headroom)) == 0) {
        headroom++;
    }
    const int32_t normal = (int32_t)((((int64_t)sum << (headroom - 1)) + (1 << 13)) >> 14);
    const int32_t factor = ek_curve_s16_at(p->reciprocals, ek_softmax_s16_saturate(normal - 98304));
    const int32_t right = 31 - headroom;
    for (int32_t i = 0; i < p->depth; i++) {
        out[i] = (int16_t)ek_clamp((out[i] * factor + (1 << (right - 1))) >> right, 0, INT16_MAX);
    }
}

EK_SHARED void ek_softmax_s16(const ek_softmax_s16_params *p, const int16_t *in, int16_t *out) {
    for (int32_t row = 0; row < p->rows; row++) {
        ek_softmax_s16_row(p, in + row * p->depth, out + row * p->depth);
    }
}

#endif
