/* FULLY_CONNECTED on int16 activations and int8 weights, in plain C. */
#ifndef EK_FULLY_CONNECTED_S16_H
#define EK_FULLY_CONNECTED_S16_H

#include "ek_wide.h"

/* As TFLite Micro scales sums. */
typedef struct {
    int32_t batches, depth, outputs;
    ek_wide_rows rows; /* [outputs][depth] */
    ek_wide_scale scale;
} ek_fully_connected_s16_params;

EK_SHARED void ek_fully_connected_s16(const ek_fully_connected_s16_params *p, const int16_t *in, int16_t *out) {
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth) {
        for (int32_t o = 0; o < p->outputs; o += 2) {
            const ek_wide_sums sums = ek_wide_two(&p->rows, p->scale.bias, in, o, p->outputs);
            *out++ = ek_wide_output(&p->scale, sums.first, o);
            if (o + 1 < p->outputs) {
                *out++ = ek_wide_output(&p->scale, sums.second, o + 1);
            }
        }
    }
}

/* As LiteRT's reference does: sum * factor in double precision, halves away from zero. The factor is
 * (high * 2^32 + low) / 2^shift, its 53 bits; the product is exact here. (A double's own rounding makes a difference
 * where the product lies less than 2^-38 below a half.) */
typedef struct {
    int32_t batches, depth, outputs;
    ek_wide_rows rows; /* [outputs][depth] */
    const int64_t *bias;
    const uint32_t *factors_high;
    const uint32_t *factors_low;
    const int8_t *shifts; /* 2 to 127 */
    int32_t low, high;
} ek_fully_connected_s16_double_params;

/* The product of two numbers below 2^63 over 2^shift, cut off, or 2^17 where it is more. 1 <= shift <= 126. */
static inline uint64_t ek_product_over_power(uint64_t x, uint64_t y, int32_t shift) {
    const uint64_t x_low = x & UINT32_MAX;
    const uint64_t y_low = y & UINT32_MAX;
    const uint64_t middle = (x >> 32) * y_low + x_low * (y >> 32);
    const uint64_t bottom = x_low * y_low;
    const uint64_t low = bottom + (middle << 32);
    const uint64_t high = (x >> 32) * (y >> 32) + (middle >> 32) + (low < bottom ? 1u : 0u);
    const uint64_t most = UINT64_C(1) << 17;
    uint64_t result = 0;
    if (shift >= 64) {
        result = high >> (shift - 64);
    } else {
        result = (high >> shift) != 0 ? most : (high << (64 - shift)) | (low >> shift);
    }
    return result < most ? result : most;
}

EK_SHARED int32_t ek_fully_connected_s16_scaled(const ek_fully_connected_s16_double_params *p, int64_t sum, int32_t o) {
    const uint64_t factor = ((uint64_t)p->factors_high[o] << 32) | p->factors_low[o];
    const uint64_t size = sum < 0 ? (uint64_t)-sum : (uint64_t)sum;
    const int32_t rounded = (int32_t)((ek_product_over_power(size, factor, p->shifts[o] - 1) + 1u) >> 1);
    return ek_clamp(sum < 0 ? -rounded : rounded, p->low, p->high);
}

EK_SHARED void ek_fully_connected_s16_double(const ek_fully_connected_s16_double_params *p, const int16_t *in,
                                             int16_t *out) {
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth) {
        for (int32_t o = 0; o < p->outputs; o += 2) {
            const ek_wide_sums sums = ek_wide_two(&p->rows, p->bias, in, o, p->outputs);
            *out++ = (int16_t)ek_fully_connected_s16_scaled(p, sums.first, o);
            if (o + 1 < p->outputs) {
                *out++ = (int16_t)ek_fully_connected_s16_scaled(p, sums.second, o + 1);
            }
        }
    }
}

#endif
