/* Functions of one float32 element. */
#ifndef EK_ACTIVATIONS_F32_H
#define EK_ACTIVATIONS_F32_H

#include "ek_math_f32.h"

typedef struct {
    int32_t count;   /* elements, or those of a row where rows are computed */
    float low, high; /* of ek_clip */
    float slope;     /* of ek_leaky_relu */
} ek_activation_f32_params;

static inline float ek_clip_f32_one(const ek_activation_f32_params *p, float x) {
    return ek_clamp_f32(x, p->low, p->high);
}

static inline float ek_leaky_relu_f32_one(const ek_activation_f32_params *p, float x) {
    return x > 0.0f ? x : x * p->slope;
}

static inline float ek_logistic_f32_one(const ek_activation_f32_params *p, float x) {
    (void)p;
    return ek_logistic_f32(x);
}

static inline float ek_tanh_f32_one(const ek_activation_f32_params *p, float x) {
    (void)p;
    return ek_tanh_f32(x);
}

static inline float ek_elu_f32_one(const ek_activation_f32_params *p, float x) {
    (void)p;
    return x < 0.0f ? ek_expm1_f32(x) : x;
}

static inline float ek_hard_swish_f32_one(const ek_activation_f32_params *p, float x) {
    (void)p;
    return x * ek_clamp_f32(x + 3.0f, 0.0f, 6.0f) / 6.0f;
}

/* The approximation by tanh. */
static inline float ek_gelu_f32_one(const ek_activation_f32_params *p, float x) {
    (void)p;
    return 0.5f * x * (1.0f + ek_tanh_f32(0.7978845608f * (x + 0.044715f * x * x * x)));
}

static inline float ek_exponential_f32_one(const ek_activation_f32_params *p, float x) {
    (void)p;
    return ek_exp_f32(x);
}

static inline float ek_abs_f32_one(const ek_activation_f32_params *p, float x) {
    (void)p;
    return x < 0.0f ? -x : x;
}

static inline float ek_neg_f32_one(const ek_activation_f32_params *p, float x) {
    (void)p;
    return -x;
}

static inline float ek_square_f32_one(const ek_activation_f32_params *p, float x) {
    (void)p;
    return x * x;
}

#define EK_ACTIVATION_F32(function)                                                                                   \
    typedef ek_activation_f32_params function##_all_params, function##_rows_params;                                   \
    EK_SHARED void function##_all(const ek_activation_f32_params *p, const float *in, float *out) {                   \
        for (int32_t i = 0; i < p->count; i++) {                                                                      \
            out[i] = function##_one(p, in[i]);                                                                        \
        }                                                                                                             \
    }                                                                                                                 \
    EK_SHARED void function##_rows(const ek_activation_f32_params *p, const float *in, float *out, ek_rows rows) {    \
        for (int32_t i = 0; i < rows.out_count * p->count; i++) {                                                     \
            out[i] = function##_one(p, in[i]);                                                                        \
        }                                                                                                             \
    }

EK_ACTIVATION_F32(ek_clip_f32)
EK_ACTIVATION_F32(ek_leaky_relu_f32)
EK_ACTIVATION_F32(ek_logistic_f32)
EK_ACTIVATION_F32(ek_tanh_f32)
EK_ACTIVATION_F32(ek_elu_f32)
EK_ACTIVATION_F32(ek_hard_swish_f32)
EK_ACTIVATION_F32(ek_gelu_f32)
EK_ACTIVATION_F32(ek_exponential_f32)
EK_ACTIVATION_F32(ek_abs_f32)
EK_ACTIVATION_F32(ek_neg_f32)
EK_ACTIVATION_F32(ek_square_f32)

#endif
