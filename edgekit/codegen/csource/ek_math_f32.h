/* Exponential, hyperbolic tangent and logistic function in single precision alone, without libm. Their errors against
 * the exact values, over all arguments, are below 1.1 ulp (exp), 2 ulp (expm1) and 3 ulp (tanh, and the logistic
 * function above -9). */
#ifndef EK_MATH_F32_H
#define EK_MATH_F32_H

#include "ek_float.h"

static inline float ek_from_bits_f32(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* 2^n, -126 <= n <= 127. */
static inline float ek_power_of_two_f32(int32_t n) { return ek_from_bits_f32((uint32_t)(n + 127) << 23); }

/* e^r - 1 for |r| <= ln(2) / 2: Taylor's series, whose rest is below 2^-27 of e^r. */
static inline float ek_expm1_small_f32(float r) {
    const float tail =
        0.5f +
        r * (1.0f / 6.0f + r * (1.0f / 24.0f + r * (1.0f / 120.0f + r * (1.0f / 720.0f + r * (1.0f / 5040.0f)))));
    return r + r * r * tail;
}

/* x = n * ln(2) + r with |r| <= ln(2) / 2, for |x| < 128; n * 0.693145751953125 is exact. */
typedef struct {
    int32_t n;
    float r;
} ek_reduced_f32;

static inline ek_reduced_f32 ek_reduce_f32(float x) {
    ek_reduced_f32 reduced;
    reduced.n = (int32_t)(x * 1.44269504f + (x < 0.0f ? -0.5f : 0.5f));
    reduced.r = (x - (float)reduced.n * 0.693145751953125f) - (float)reduced.n * 1.42860677e-6f;
    return reduced;
}

EK_SHARED float ek_exp_f32(float x) {
    if (!(x > -104.0f)) {
        return x < 0.0f ? 0.0f : x; /* what is not a number stays so */
    }
    if (x > 88.72284f) {
        return ek_from_bits_f32(0x7F800000u);
    }
    const ek_reduced_f32 reduced = ek_reduce_f32(x);
    const int32_t half = reduced.n / 2;
    const float factor = 1.0f + ek_expm1_small_f32(reduced.r);
    return factor * ek_power_of_two_f32(half) * ek_power_of_two_f32(reduced.n - half);
}

EK_SHARED float ek_expm1_f32(float x) {
    if (!(x > -18.0f)) {
        return x < 0.0f ? -1.0f : x;
    }
    if (x > 40.0f) {
        return ek_exp_f32(x);
    }
    const ek_reduced_f32 reduced = ek_reduce_f32(x);
    const float power = ek_power_of_two_f32(reduced.n);
    return power * ek_expm1_small_f32(reduced.r) + (power - 1.0f);
}

EK_SHARED float ek_tanh_f32(float x) {
    const float size = x < 0.0f ? -x : x;
    if (size > 9.02f) {
        return x < 0.0f ? -1.0f : 1.0f;
    }
    const float t = ek_expm1_f32(2.0f * size);
    const float result = t / (t + 2.0f);
    return x < 0.0f ? -result : result;
}

/* With the limits of TFLite's reference, below which it takes e^x (which is off by as much, relatively). */
EK_SHARED float ek_logistic_f32(float x) {
    if (x > 16.619047164916992188f) {
        return 1.0f;
    }
    return x < -9.0f ? ek_exp_f32(x) : 1.0f / (1.0f + ek_exp_f32(-x));
}

#endif
