/* GATHER and EMBEDDING_LOOKUP: slices along an axis, by their numbers. */
#ifndef EK_GATHER_H
#define EK_GATHER_H

#include "ek.h"

/* For each of `batches`, and of `outer` blocks in it, the slices that the batch's numbers name. */
typedef struct {
    int32_t batches, outer, axis, count;
    int32_t bytes;         /* of a slice */
    int32_t is_long;       /* numbers have 64 bits */
    const void *data;      /* where it is in flash */
    const int32_t *places; /* the numbers, where they are */
} ek_gather_params;

typedef ek_gather_params ek_gather_data_params, ek_gather_places_params;

/* A number outside the axis is taken to its end: no number that is computed makes this read elsewhere. */
EK_BODY int32_t ek_gather_place(const ek_gather_params *p, const void *places, int32_t i) {
    int64_t place = 0;
    if (p->is_long) {
        memcpy(&place, (const uint8_t *)places + 8 * i, sizeof place);
    } else {
        place = ((const int32_t *)places)[i];
    }
    return place < 0 ? 0 : place >= p->axis ? p->axis - 1 : (int32_t)place;
}

EK_SHARED void ek_gather(const ek_gather_params *p, const void *data, const void *places, void *out) {
    const uint8_t *block = (const uint8_t *)data;
    uint8_t *to = (uint8_t *)out;
    for (int32_t b = 0; b < p->batches; b++) {
        for (int32_t o = 0; o < p->outer; o++, block += p->axis * p->bytes) {
            for (int32_t i = 0; i < p->count; i++, to += p->bytes) {
                const int32_t place = ek_gather_place(p, places, b * p->count + i);
                memcpy(to, block + place * p->bytes, (uint32_t)p->bytes);
            }
        }
    }
}

EK_SHARED void ek_gather_data(const ek_gather_params *p, const void *places, void *out) {
    ek_gather(p, p->data, places, out);
}

EK_SHARED void ek_gather_places(const ek_gather_params *p, const void *data, void *out) {
    ek_gather(p, data, p->places, out);
}

#endif
