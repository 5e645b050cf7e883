/* QUANTIZE of float32 and DEQUANTIZE to it. */
#ifndef EK_QUANTIZE_H
#define EK_QUANTIZE_H

#include "ek.h"

typedef struct {
    int32_t count;
    float scale;
    int32_t zero_point, low, high;
} ek_quantize_params;

typedef ek_quantize_params ek_quantize_s8_params, ek_quantize_s16_params, ek_quantize_u8_params;
typedef ek_quantize_params ek_dequantize_s8_params, ek_dequantize_s16_params, ek_dequantize_u8_params;

/* To nearest, halves away from zero, without <math.h>; what is not a number becomes the least. */
EK_BODY int32_t ek_quantize_one(const ek_quantize_params *p, float real) {
    const float scaled = real / p->scale;
    if (!(scaled > -65536.0f)) {
        return p->low;
    }
    if (scaled > 65536.0f) {
        return p->high;
    }
    int32_t whole = (int32_t)scaled;
    const float rest = scaled - (float)whole;
    whole += rest >= 0.5f ? 1 : rest <= -0.5f ? -1 : 0;
    return ek_clamp(whole + p->zero_point, p->low, p->high);
}

#define EK_QUANTIZE(suffix, type)                                                                                     \
    EK_SHARED void ek_quantize_##suffix(const ek_quantize_params *p, const float *in, type *out) {                    \
        for (int32_t i = 0; i < p->count; i++) {                                                                      \
            out[i] = (type)ek_quantize_one(p, in[i]);                                                                 \
        }                                                                                                             \
    }                                                                                                                 \
    EK_SHARED void ek_dequantize_##suffix(const ek_quantize_params *p, const type *in, float *out) {                  \
        for (int32_t i = 0; i < p->count; i++) {                                                                      \
            out[i] = p->scale * (float)(in[i] - p->zero_point);                                                       \
        }                                                                                                             \
    }

EK_QUANTIZE(s8, int8_t)
EK_QUANTIZE(s16, int16_t)
EK_QUANTIZE(u8, uint8_t)

#endif
