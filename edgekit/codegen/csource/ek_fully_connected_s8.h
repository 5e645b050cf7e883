/* FULLY_CONNECTED on int8, in plain C. */
#ifndef EK_FULLY_CONNECTED_S8_H
#define EK_FULLY_CONNECTED_S8_H

#include "ek_dot_s8.h"

typedef struct {
    int32_t batches, depth, outputs;
    int32_t rounds_once;
    const int8_t *weights; /* [outputs][depth], rows in whole bytes */
    const int32_t *bias;   /* less the input zero point times the output's weights */
    const int32_t *mantissas;
    const int8_t *shifts;
    int32_t input_zero_point, output_zero_point, low, high;
} ek_fully_connected_s8_params;

EK_BODY void ek_fully_connected_s8_any(const ek_fully_connected_s8_params *p, const int8_t *in, int8_t *out,
                                       int32_t is_packed) {
    const ek_scaling_s8 to = {p->mantissas, p->shifts, p->output_zero_point, p->low, p->high, p->rounds_once};
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth, out += p->outputs) {
        ek_rows_any(&to, in, p->weights, p->bias, p->depth, 0, p->outputs, is_packed, out);
    }
}

EK_BODY void ek_fully_connected_s8_body(const ek_fully_connected_s8_params *p, const int8_t *in, int8_t *out) {
    ek_fully_connected_s8_any(p, in, out, 0);
}

EK_SHARED void ek_fully_connected_s8(const ek_fully_connected_s8_params *p, const int8_t *in, int8_t *out) {
    ek_fully_connected_s8_body(p, in, out);
}

/* The same with weights of 4 bits, two a byte. */
typedef ek_fully_connected_s8_params ek_fully_connected_s8_w4_params;

EK_BODY void ek_fully_connected_s8_w4_body(const ek_fully_connected_s8_params *p, const int8_t *in, int8_t *out) {
    ek_fully_connected_s8_any(p, in, out, 1);
}

EK_SHARED void ek_fully_connected_s8_w4(const ek_fully_connected_s8_params *p, const int8_t *in, int8_t *out) {
    ek_fully_connected_s8_w4_body(p, in, out);
}

#endif
