/* FULLY_CONNECTED on int8, for Helium: four outputs at a time. */
#ifndef EK_FULLY_CONNECTED_S8_MVE_H
#define EK_FULLY_CONNECTED_S8_MVE_H

#include "ek_mve.h"

typedef struct {
    int32_t batches, depth, outputs;
    int32_t rounds_once;
    int32_t steps;           /* of 16 inputs */
    const int8_t *weights;   /* [ceil(outputs / 4)][steps][4][16] */
    const int32_t *channels; /* [ceil(outputs / 4)][9] */
    int32_t zero_point, is_plain, low, high;
} ek_fully_connected_s8_mve_params;

EK_BODY void ek_fully_connected_s8_mve_body(const ek_fully_connected_s8_mve_params *p, const int8_t *in, int8_t *out,
                                            void *scratch) {
    const ek_mve_range range = {p->zero_point, p->is_plain, p->low, p->high};
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->depth) {
        const int8_t *x = in;
        if (p->depth % EK_MVE_STEP != 0) { /* whole steps may lie beyond the input */
            ek_mve_copy(scratch, in, p->depth);
            x = scratch;
        }
        const int8_t *weights = p->weights;
        const int32_t *channels = p->channels;
        for (int32_t count = p->outputs; count > 0; count -= EK_MVE_LANES) {
            ek_mve_block(x, weights, p->steps, channels, &range, p->rounds_once, out, count);
            weights += EK_MVE_LANES * EK_MVE_STEP * p->steps;
            channels += EK_MVE_CHANNEL_WORDS;
            out += ek_min(count, EK_MVE_LANES);
        }
    }
}

EK_SHARED void ek_fully_connected_s8_mve(const ek_fully_connected_s8_mve_params *p, const int8_t *in, int8_t *out,
                                         void *scratch) {
    ek_fully_connected_s8_mve_body(p, in, out, scratch);
}

#endif
