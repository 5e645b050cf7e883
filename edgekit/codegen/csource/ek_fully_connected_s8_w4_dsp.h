/* FULLY_CONNECTED on int8 with weights of 4 bits for the DSP extension. */
#ifndef EK_FULLY_CONNECTED_S8_W4_DSP_H
#define EK_FULLY_CONNECTED_S8_W4_DSP_H

#include "ek_fully_connected_s8_dsp.h"
#include "ek_matrix_s8_w4_dsp.h"

typedef ek_fully_connected_s8_dsp_params ek_fully_connected_s8_w4_dsp_params;

/* scratch: `words` words. */
EK_SHARED void ek_fully_connected_s8_w4_dsp(const ek_fully_connected_s8_dsp_params *p, const int8_t *in, int8_t *out,
                                            void *scratch) {
    ek_fully_connected_any_dsp(p, in, out, (int32_t *)scratch, ek_matrix_one_s8_w4_dsp);
}

#endif
