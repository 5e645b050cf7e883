/* FULLY_CONNECTED on int8, in plain C. */
#ifndef EK_FULLY_CONNECTED_S8_H
#define EK_FULLY_CONNECTED_S8_H

#include "ek.h"

typedef struct {
    int32_t batches, depth, outputs;
    int32_t rounds_once;
    const int8_t *weights; /* [outputs][depth] */
    const int32_t *bias;   /* less the input zero point times the output's weights */
    const int32_t *mantissas;
    const int8_t *shifts;
    int32_t input_zero_point, output_zero_point, low, high;
} ek_fully_connected_s8_params;

EK_BODY void ek_fully_connected_s8_body(const ek_fully_connected_s8_params *p, const int8_t *in, int8_t *out) {
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth) {
        const int8_t *w = p->weights;
        for (int32_t o = 0; o < p->outputs; o++, w += p->depth) {
            int32_t sum = p->bias[o];
            for (int32_t i = 0; i < p->depth; i++) {
                sum += w[i] * in[i];
            }
            sum = p->rounds_once ? ek_requantize_once(sum, p->mantissas[o], p->shifts[o])
                                 : ek_requantize(sum, p->mantissas[o], p->shifts[o]);
            *out++ = (int8_t)ek_clamp(sum + p->output_zero_point, p->low, p->high);
        }
    }
}

EK_SHARED void ek_fully_connected_s8(const ek_fully_connected_s8_params *p, const int8_t *in, int8_t *out) {
    ek_fully_connected_s8_body(p, in, out);
}

#endif
