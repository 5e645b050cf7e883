/* Operators that move elements: TRANSPOSE, SLICE, STRIDED_SLICE, SPACE_TO_DEPTH, DEPTH_TO_SPACE, BROADCAST_TO, TILE,
 * REVERSE_V2. */
#ifndef EK_MOVE_H
#define EK_MOVE_H

#include "ek.h"

/* The output in order, from `start` of the input on. The axes are the output's, outermost first, the last one apart. */
typedef struct {
    int32_t start;
    int32_t sizes[5], steps[5]; /* steps in bytes of the input */
    int32_t count, step;        /* of the last axis; where runs of bytes are moved, how many */
} ek_move_params;

typedef ek_move_params ek_move_1_params, ek_move_2_params, ek_move_4_params, ek_move_8_params, ek_move_run_params;

/* On to the next of the outer axes. Returns 0 after the last one. */
EK_SHARED int32_t ek_move_next(const ek_move_params *p, int32_t *index, int32_t *at) {
    for (int32_t axis = 4; axis >= 0; axis--) {
        *at += p->steps[axis];
        index[axis]++;
        if (index[axis] < p->sizes[axis]) {
            return 1;
        }
        *at -= p->steps[axis] * p->sizes[axis];
        index[axis] = 0;
    }
    return 0;
}

EK_BODY void ek_move_body(const ek_move_params *p, const void *in, void *out, uint32_t width) {
    int32_t index[5] = {0, 0, 0, 0, 0};
    int32_t at = p->start;
    uint8_t *to = (uint8_t *)out;
    do {
        int32_t from = at;
        for (int32_t i = 0; i < p->count; i++) {
            memmove(to, (const uint8_t *)in + from, width);
            to += width;
            from += p->step;
        }
    } while (ek_move_next(p, index, &at) != 0);
}

EK_SHARED void ek_move_1(const ek_move_params *p, const void *in, void *out) { ek_move_body(p, in, out, 1u); }
EK_SHARED void ek_move_2(const ek_move_params *p, const void *in, void *out) { ek_move_body(p, in, out, 2u); }
EK_SHARED void ek_move_4(const ek_move_params *p, const void *in, void *out) { ek_move_body(p, in, out, 4u); }
EK_SHARED void ek_move_8(const ek_move_params *p, const void *in, void *out) { ek_move_body(p, in, out, 8u); }

EK_SHARED void ek_move_run(const ek_move_params *p, const void *in, void *out) {
    int32_t index[5] = {0, 0, 0, 0, 0};
    int32_t at = p->start;
    uint8_t *to = (uint8_t *)out;
    do {
        memmove(to, (const uint8_t *)in + at, (uint32_t)p->count);
        to += p->count;
    } while (ek_move_next(p, index, &at) != 0);
}

#endif
