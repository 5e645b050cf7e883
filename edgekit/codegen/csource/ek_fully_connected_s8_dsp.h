/* FULLY_CONNECTED on int8 for the DSP extension. */
#ifndef EK_FULLY_CONNECTED_S8_DSP_H
#define EK_FULLY_CONNECTED_S8_DSP_H

#include "ek_matrix_s8_dsp.h"

typedef struct {
    int32_t batches, depth;
    int32_t words, channels, low, high, rounds_once; /* as in ek_matrix_s8 */
    const int32_t *weights;
    const int32_t *scales;
} ek_fully_connected_s8_dsp_params;

typedef void (*ek_matrix_one)(const ek_matrix_s8 *m, const int32_t *vector, int8_t *out);

EK_BODY void ek_fully_connected_any_dsp(const ek_fully_connected_s8_dsp_params *p, const int8_t *in, int8_t *out,
                                        int32_t *vector, ek_matrix_one one) {
    const ek_matrix_s8 m = {p->weights, p->scales, p->words, p->channels, p->low, p->high, p->rounds_once};
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth, out += p->channels) {
        (void)ek_widen_one_s8_dsp(in, p->depth, vector);
        one(&m, vector, out);
        if (p->low > -128 || p->high < 127) {
            ek_clamp_s8(out, p->channels, p->low, p->high);
        }
    }
}

/* scratch: `words` words. */
EK_SHARED void ek_fully_connected_s8_dsp(const ek_fully_connected_s8_dsp_params *p, const int8_t *in, int8_t *out,
                                         void *scratch) {
    ek_fully_connected_any_dsp(p, in, out, (int32_t *)scratch, ek_matrix_one_s8_dsp);
}

#endif
