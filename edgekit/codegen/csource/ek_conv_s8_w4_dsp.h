/* CONV_2D on int8 with weights of 4 bits for the DSP extension. */
#ifndef EK_CONV_S8_W4_DSP_H
#define EK_CONV_S8_W4_DSP_H

#include "ek_conv_s8_dsp.h"
#include "ek_matrix_s8_w4_dsp.h"

typedef ek_conv_s8_dsp_params ek_conv_s8_w4_dsp_params;

/* scratch: as ek_conv_s8_dsp. */
EK_SHARED void ek_conv_s8_w4_dsp(const ek_conv_s8_dsp_params *p, const int8_t *in, int8_t *out, ek_rows rows,
                                 void *scratch) {
    static const ek_matrix_kernels kernels = {ek_matrix_two_s8_w4_dsp, ek_matrix_one_s8_w4_dsp};
    ek_conv_any_dsp(p, in, out, rows, (int32_t *)scratch, &kernels);
}

#endif
