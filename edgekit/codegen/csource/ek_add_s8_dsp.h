/* ADD on int8 with the DSP extension: operands of one shape, the whole range of int8. See ek_add_s8.h. */
#ifndef EK_ADD_S8_DSP_H
#define EK_ADD_S8_DSP_H

#include "ek_dsp.h"

/* What is added to all elements is in the halves: the near operand's zero point in far_half, the output's in
 * out_half. So few numbers are left that all are in registers. */
typedef struct {
    int32_t count; /* elements, or those of a row where rows are computed */
    int32_t far_coef, far_offset, far_mantissa, far_half, far_shift;
    int32_t out_mantissa, out_half, out_shift;
} ek_add_s8_dsp_params;

typedef ek_add_s8_dsp_params ek_add_s8_dsp_rows_params;

/* The numbers are taken out of *p first: stores to out could change them, for all that a compiler knows. */
EK_SHARED void ek_add_s8_dsp_run(const ek_add_s8_dsp_params *p, const int8_t *near, const int8_t *far, int8_t *out,
                                 int32_t count) {
    const int32_t far_coef = p->far_coef;
    const int32_t far_offset = p->far_offset;
    const int32_t far_mantissa = p->far_mantissa;
    const int32_t far_half = p->far_half;
    const int32_t far_shift = p->far_shift;
    const int32_t out_mantissa = p->out_mantissa;
    const int32_t out_half = p->out_half;
    const int32_t out_shift = p->out_shift;
    for (const int8_t *end = out + count; out != end;) {
        const int32_t far_twice = *far++ * far_coef + far_offset;
        const int32_t scaled = (ek_smmlar(far_twice, far_mantissa, far_half) + (far_twice >> 31)) >> far_shift;
        const int32_t sum = *near++ * (1 << 20) + scaled * 2;
        *out++ = (int8_t)ek_ssat8((ek_smmlar(sum, out_mantissa, out_half) + (sum >> 31)) >> out_shift);
    }
}

EK_SHARED void ek_add_s8_dsp(const ek_add_s8_dsp_params *p, const int8_t *near, const int8_t *far, int8_t *out) {
    ek_add_s8_dsp_run(p, near, far, out, p->count);
}

EK_SHARED void ek_add_s8_dsp_rows(const ek_add_s8_dsp_params *p, const int8_t *near, const int8_t *far, int8_t *out,
                                  ek_rows rows) {
    ek_add_s8_dsp_run(p, near, far, out, rows.out_count * p->count);
}

#endif
