/* Calls that take turns, a strip of rows each: between them lie only the rows that are still needed. */
#ifndef EK_STREAM_H
#define EK_STREAM_H

#include "ek.h"

/* A call of the stream. Its input rows begin `before` rows above its output row times `stride`. */
typedef struct {
    uint8_t *out; /* a buffer of some rows, or the last call's whole output */
    int32_t row_bytes, height, stride, before;
} ek_stream_call;

/* How many rows a call has computed, and which is the first in its buffer. */
typedef struct {
    int32_t done, base;
} ek_stream_state;

/* One turn: a call computes its next strip after `drop` rows of its buffer have made room. */
typedef struct {
    uint8_t call, drop;
} ek_stream_turn;

/* Turns from `first` to before `end`, `times` over. */
typedef struct {
    uint16_t first, end, times;
} ek_stream_round;

/* Moves bytes towards the front, over themselves: each piece is read before anything behind it is written. */
EK_SHARED void ek_stream_move(uint8_t *to, const uint8_t *from, int32_t bytes) {
    uint8_t piece[16];
    for (; bytes >= 16; bytes -= 16, to += 16, from += 16) {
        memcpy(piece, from, 16);
        memcpy(to, piece, 16);
    }
    for (; bytes > 0; bytes--) {
        *to++ = *from++;
    }
}

/* Makes room for the next strip, and says which rows it has. */
EK_SHARED ek_rows ek_stream_next(const ek_stream_call *call, ek_stream_state *state, int32_t drop, int32_t strip) {
    const int32_t kept = state->done - state->base - drop;
    ek_rows rows;
    if (drop > 0) {
        ek_stream_move(call->out, call->out + drop * call->row_bytes, kept * call->row_bytes);
        state->base += drop;
    }
    rows.in_first = ek_max(state->done * call->stride - call->before, 0);
    rows.out_first = state->done;
    rows.out_count = ek_min(strip, call->height - state->done);
    state->done += rows.out_count;
    return rows;
}

/* Where a row of a call's output is. */
EK_BODY uint8_t *ek_stream_row(const ek_stream_call *call, const ek_stream_state *state, int32_t row) {
    return call->out + (row - state->base) * call->row_bytes;
}

#endif
