/* A tensor goes to another place, which may overlap the old one: outputs only shift downwards, so now and then one must
 * come up again. */
#ifndef EK_LIFT_H
#define EK_LIFT_H

#include "ek_stream.h"

typedef struct {
    int32_t bytes;
} ek_lift_params;

/* From the end, so that a place above the old one is right too. */
EK_BODY void ek_lift_up(uint8_t *to, const uint8_t *from, int32_t bytes) {
    uint8_t piece[16];
    for (; bytes >= 16; bytes -= 16) {
        memcpy(piece, from + bytes - 16, 16);
        memcpy(to + bytes - 16, piece, 16);
    }
    for (; bytes > 0; bytes--) {
        to[bytes - 1] = from[bytes - 1];
    }
}

EK_SHARED void ek_lift(const ek_lift_params *p, const void *in, void *out) {
    const uint8_t *from = (const uint8_t *)in;
    uint8_t *to = (uint8_t *)out;
    if (to > from) {
        ek_lift_up(to, from, p->bytes);
    } else {
        ek_stream_move(to, from, p->bytes);
    }
}

#endif
