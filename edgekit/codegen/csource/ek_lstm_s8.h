/* UNIDIRECTIONAL_SEQUENCE_LSTM on int8 with an int16 cell, in plain C. */
#ifndef EK_LSTM_S8_H
#define EK_LSTM_S8_H

#include "ek_fixed16.h"

/* Gates in the order input, forget, cell, output. */
typedef struct {
    int32_t batches, steps, inputs, cells;
    int32_t input_step, input_batch;   /* elements from one step, one batch, to the next */
    int32_t output_step, output_batch; /* the same of the output */
    const int8_t *input_weights;       /* [4][cells][inputs] */
    const int8_t *recurrent_weights;   /* [4][cells][cells] */
    const int32_t *input_bias;         /* [4][cells], less the zero point times the weights */
    const int32_t *recurrent_bias;
    int32_t input_mantissas[4], input_shifts[4], recurrent_mantissas[4], recurrent_shifts[4];
    int32_t cell_bits; /* integer bits of the cell state */
    int32_t cell_clip; /* 0: none */
    int32_t output_mantissa, output_shift, output_zero_point;
} ek_lstm_s8_params;

static inline int32_t ek_lstm_s8_dot(int32_t sum, const int8_t *w, const int8_t *x, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        sum += w[i] * x[i];
    }
    return sum;
}

/* A gate of one cell before its activation, as Q3. */
EK_SHARED int32_t ek_lstm_s8_gate(const ek_lstm_s8_params *p, const int8_t *in, const int8_t *hidden, int32_t gate,
                                  int32_t cell) {
    const int32_t row = gate * p->cells + cell;
    const int32_t from_input =
        ek_lstm_s8_dot(p->input_bias[row], p->input_weights + row * p->inputs, in, p->inputs);
    const int32_t from_hidden =
        ek_lstm_s8_dot(p->recurrent_bias[row], p->recurrent_weights + row * p->cells, hidden, p->cells);
    const int32_t first = ek_saturate16(ek_requantize(from_input, p->input_mantissas[gate], p->input_shifts[gate]));
    return ek_saturate16(first +
                         ek_requantize(from_hidden, p->recurrent_mantissas[gate], p->recurrent_shifts[gate]));
}

/* One step of one cell: updates its state, returns its output. */
EK_BODY int8_t ek_lstm_s8_cell(const ek_lstm_s8_params *p, const int8_t *in, const int8_t *hidden, int16_t *state,
                               int32_t cell) {
    const int32_t input = ek_logistic16(ek_lstm_s8_gate(p, in, hidden, 0, cell), 3);
    const int32_t forget = ek_logistic16(ek_lstm_s8_gate(p, in, hidden, 1, cell), 3);
    const int32_t update = ek_tanh16(ek_lstm_s8_gate(p, in, hidden, 2, cell), 3);
    const int32_t output = ek_logistic16(ek_lstm_s8_gate(p, in, hidden, 3, cell), 3);
    int32_t next = ek_shift_right(forget * *state, 15) + ek_shift_right(input * update, 15 + p->cell_bits);
    next = ek_saturate16(next);
    if (p->cell_clip > 0) {
        next = ek_clamp(next, -p->cell_clip, p->cell_clip);
    }
    *state = (int16_t)next;
    const int32_t scaled = output * ek_tanh16(next, p->cell_bits);
    const int32_t result = ek_requantize(scaled, p->output_mantissa, p->output_shift) + p->output_zero_point;
    return (int8_t)ek_clamp(result, -128, 127);
}

EK_SHARED void ek_lstm_s8(const ek_lstm_s8_params *p, const int8_t *in, int8_t *out, int8_t *hidden, int16_t *state) {
    for (int32_t batch = 0; batch < p->batches; batch++, hidden += p->cells, state += p->cells) {
        for (int32_t step = 0; step < p->steps; step++) {
            const int8_t *x = in + step * p->input_step + batch * p->input_batch;
            int8_t *y = out + step * p->output_step + batch * p->output_batch;
            for (int32_t cell = 0; cell < p->cells; cell++) {
                y[cell] = ek_lstm_s8_cell(p, x, hidden, state + cell, cell);
            }
            memcpy(hidden, y, (size_t)p->cells);
        }
    }
}

#endif
