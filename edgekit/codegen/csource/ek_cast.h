/* CAST between integers, booleans and float32, and results that are known before. */
#ifndef EK_CAST_H
#define EK_CAST_H

#include "ek.h"

typedef struct {
    int32_t count;
    int32_t from, to; /* bytes of an element; 0 for float32, -1 for unsigned bytes, -2 for booleans */
} ek_cast_params;

EK_BODY int32_t ek_cast_integer(const void *in, int32_t i, int32_t from) {
    return from == 1 ? ((const int8_t *)in)[i] : from == 2 ? ((const int16_t *)in)[i] : from == 4 ? ((const int32_t *)in)[i]
                                                                                     : ((const uint8_t *)in)[i];
}

EK_BODY void ek_cast_put(void *out, int32_t i, int32_t to, int32_t value) {
    if (to == 2) {
        ((int16_t *)out)[i] = (int16_t)value;
    } else if (to == 4) {
        ((int32_t *)out)[i] = value;
    } else {
        ((uint8_t *)out)[i] = (uint8_t)(to == -2 ? value != 0 : value);
    }
}

/* Towards zero; what is beyond int32 becomes its nearest end. */
EK_BODY int32_t ek_cast_whole(float real) {
    return real >= 2147483648.0f ? INT32_MAX : real > -2147483648.0f ? (int32_t)real : INT32_MIN;
}

EK_SHARED void ek_cast(const ek_cast_params *p, const void *in, void *out) {
    for (int32_t i = 0; i < p->count; i++) {
        if (p->to == 0) {
            ((float *)out)[i] = (float)ek_cast_integer(in, i, p->from);
        } else if (p->from != 0) {
            ek_cast_put(out, i, p->to, ek_cast_integer(in, i, p->from));
        } else {
            const float real = ((const float *)in)[i];
            ek_cast_put(out, i, p->to, p->to == -2 ? real != 0.0f : ek_cast_whole(real));
        }
    }
}

typedef struct {
    int32_t bytes;
    const void *values;
} ek_known_params;

EK_SHARED void ek_known(const ek_known_params *p, void *out) { memcpy(out, p->values, (uint32_t)p->bytes); }

#endif
