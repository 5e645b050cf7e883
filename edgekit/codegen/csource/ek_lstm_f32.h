/* UNIDIRECTIONAL_SEQUENCE_LSTM on float32, in plain C. */
#ifndef EK_LSTM_F32_H
#define EK_LSTM_F32_H

#include "ek_math_f32.h"

/* Gates in the order input, forget, cell, output. */
typedef struct {
    int32_t batches, steps, inputs, cells;
    int32_t input_step, input_batch;   /* elements from one step, one batch, to the next */
    int32_t output_step, output_batch; /* the same of the output */
    const float *input_weights;        /* [4][cells][inputs] */
    const float *recurrent_weights;    /* [4][cells][cells] */
    const float *bias;                 /* [4][cells] */
    float cell_clip;                   /* 0: none */
} ek_lstm_f32_params;

/* A gate of one cell before its activation. */
EK_SHARED float ek_lstm_f32_gate(const ek_lstm_f32_params *p, const float *in, const float *hidden, int32_t gate,
                                 int32_t cell) {
    const int32_t row = gate * p->cells + cell;
    const float from_input = ek_dot_f32(0.0f, p->input_weights + row * p->inputs, in, p->inputs);
    const float from_hidden = ek_dot_f32(0.0f, p->recurrent_weights + row * p->cells, hidden, p->cells);
    return p->bias[row] + from_input + from_hidden;
}

/* One step of one cell: updates its state, returns its output. */
EK_BODY float ek_lstm_f32_cell(const ek_lstm_f32_params *p, const float *in, const float *hidden, float *state,
                               int32_t cell) {
    const float input = ek_logistic_f32(ek_lstm_f32_gate(p, in, hidden, 0, cell));
    const float forget = ek_logistic_f32(ek_lstm_f32_gate(p, in, hidden, 1, cell));
    const float update = ek_tanh_f32(ek_lstm_f32_gate(p, in, hidden, 2, cell));
    const float output = ek_logistic_f32(ek_lstm_f32_gate(p, in, hidden, 3, cell));
    float next = forget * *state + input * update;
    if (p->cell_clip > 0.0f) {
        next = ek_clamp_f32(next, -p->cell_clip, p->cell_clip);
    }
    *state = next;
    return output * ek_tanh_f32(next);
}

EK_SHARED void ek_lstm_f32(const ek_lstm_f32_params *p, const float *in, float *out, float *hidden, float *state) {
    for (int32_t batch = 0; batch < p->batches; batch++, hidden += p->cells, state += p->cells) {
        for (int32_t step = 0; step < p->steps; step++) {
            const float *x = in + step * p->input_step + batch * p->input_batch;
            float *y = out + step * p->output_step + batch * p->output_batch;
            for (int32_t cell = 0; cell < p->cells; cell++) {
                y[cell] = ek_lstm_f32_cell(p, x, hidden, state + cell, cell);
            }
            memcpy(hidden, y, (size_t)p->cells * sizeof(float));
        }
    }
}

#endif
