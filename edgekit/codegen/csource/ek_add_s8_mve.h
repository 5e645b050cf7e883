/* ADD and SUB on int8 operands of the output's shape, for Helium: four elements at a time. */
#ifndef EK_ADD_S8_MVE_H
#define EK_ADD_S8_MVE_H

#include "ek_add_s8.h"
#include "ek_mve.h"

typedef ek_add_s8_params ek_add_s8_mve_params, ek_add_s8_mve_rows_params;

#if EK_MVE

/* x * mantissa / 2^31, then / 2^shift, halves away from zero. */
static inline int32x4_t ek_add_s8_mve_scale(int32x4_t x, int32_t mantissa, int32_t minus_shift) {
    return vrshlq_n_s32(vaddq_s32(vqrdmulhq_n_s32(x, mantissa), vshrq_n_s32(x, 31)), minus_shift);
}

/* As many elements as make whole vectors; returns how many. What ek_add_s8_one computes is taken by halves, which are
 * whole: coefficients and offsets are multiples of 2^20. */
static inline int32_t ek_add_s8_mve_vectors(const ek_add_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out,
                                            int32_t count) {
    const int8_t *near = p->near_is_b ? b : a;
    const int8_t *far = p->near_is_b ? a : b;
    const int32x4_t near_coef = vdupq_n_s32(p->near_coef / 2);
    const int32x4_t far_coef = vdupq_n_s32(p->far_coef / 2);
    const int32x4_t low = vdupq_n_s32(p->low);
    const int32x4_t high = vdupq_n_s32(p->high);
    const int32_t sign = p->far_sign / 2; /* copies: outputs might lie over the parameters, for all C knows */
    const int32_t near_offset = p->near_offset / 2, far_offset = p->far_offset / 2, zero_point = p->out_zero_point;
    const int32_t far_mantissa = p->far_mantissa, far_shift = -p->far_shift;
    const int32_t out_mantissa = p->out_mantissa, out_shift = -p->out_shift;
    const int32_t vectors = count / 4;
    for (int32_t i = 0; i < vectors; i++, near += 4, far += 4, out += 4) {
        int32x4_t x = vmlasq_n_s32(vldrbq_s32(far), far_coef, far_offset);
        x = ek_add_s8_mve_scale(x, far_mantissa, far_shift);
        x = vmlaq_n_s32(vmlasq_n_s32(vldrbq_s32(near), near_coef, near_offset), x, sign);
        x = vaddq_n_s32(ek_add_s8_mve_scale(x, out_mantissa, out_shift), zero_point);
        vstrbq_s32(out, vminq_s32(vmaxq_s32(x, low), high));
    }
    return 4 * vectors;
}

#else

static inline int32_t ek_add_s8_mve_vectors(const ek_add_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out,
                                            int32_t count) {
    for (int32_t i = 0; i < count / 4 * 4; i++) {
        out[i] = (int8_t)ek_add_s8_one(p, a[i], b[i]);
    }
    return count / 4 * 4;
}

#endif

EK_SHARED void ek_add_s8_mve_run(const ek_add_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out,
                                 int32_t count) {
    for (int32_t i = ek_add_s8_mve_vectors(p, a, b, out, count); i < count; i++) {
        out[i] = (int8_t)ek_add_s8_one(p, a[i], b[i]);
    }
}

EK_SHARED void ek_add_s8_mve(const ek_add_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out) {
    ek_add_s8_mve_run(p, a, b, out, p->pairs.count);
}

EK_SHARED void ek_add_s8_mve_rows(const ek_add_s8_params *p, const int8_t *a, const int8_t *b, int8_t *out,
                                  ek_rows rows) {
    ek_add_s8_mve_run(p, a, b, out, rows.out_count * p->pairs.count);
}

#endif
