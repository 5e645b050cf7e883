/* SVDF on int8, in plain C: a filter's response to the input is remembered for some runs, and the output is a weighted
 * sum of what is remembered. Memory and time weights are int16, as in TFLite, or int8, as TFLite Micro has it too. */
#ifndef EK_SVDF_S8_H
#define EK_SVDF_S8_H

#include "ek.h"

typedef struct {
    int32_t batches, inputs, units, rank, memory;
    const int8_t *feature_weights; /* [units * rank][inputs] */
    const int32_t *feature_bias;   /* less the input zero point times the weights */
    const void *time_weights;      /* [units * rank][memory] */
    const int32_t *bias;           /* [units] */
    int32_t feature_mantissa, feature_shift, output_mantissa, output_shift, output_zero_point;
} ek_svdf_s8_params;

typedef ek_svdf_s8_params ek_svdf_s8_wide_params, ek_svdf_s8_narrow_params;

/* Element `index` of a memory or of its weights. */
EK_BODY int32_t ek_svdf_s8_at(const void *values, int32_t index, int32_t is_wide) {
    return is_wide ? ((const int16_t *)values)[index] : ((const int8_t *)values)[index];
}

/* The newest entry of a filter's memory, not yet cut to its type. */
EK_BODY int32_t ek_svdf_s8_feature(const ek_svdf_s8_params *p, const int8_t *in, int32_t filter) {
    const int8_t *w = p->feature_weights + filter * p->inputs;
    int32_t sum = p->feature_bias[filter];
    for (int32_t i = 0; i < p->inputs; i++) {
        sum += w[i] * in[i];
    }
    return ek_requantize(sum, p->feature_mantissa, p->feature_shift);
}

/* An output from the memories of its `rank` filters; sums wrap round as TFLite's do. */
EK_BODY int8_t ek_svdf_s8_unit(const ek_svdf_s8_params *p, const void *memory, int32_t unit, int32_t is_wide) {
    const int32_t count = p->rank * p->memory;
    uint32_t sum = (uint32_t)p->bias[unit];
    for (int32_t i = unit * count; i < (unit + 1) * count; i++) {
        sum += (uint32_t)(ek_svdf_s8_at(p->time_weights, i, is_wide) * ek_svdf_s8_at(memory, i, is_wide));
    }
    const int32_t scaled = ek_requantize((int32_t)sum, p->output_mantissa, p->output_shift);
    return (int8_t)ek_clamp(scaled + p->output_zero_point, -128, 127);
}

/* One batch, whose memory's older entries have moved up already. */
EK_BODY void ek_svdf_s8_batch(const ek_svdf_s8_params *p, const int8_t *in, int8_t *out, void *memory,
                              int32_t is_wide) {
    for (int32_t filter = 0; filter < p->units * p->rank; filter++) {
        const int32_t newest = (filter + 1) * p->memory - 1;
        const int32_t entry = ek_svdf_s8_feature(p, in, filter);
        if (is_wide) {
            ((int16_t *)memory)[newest] = (int16_t)ek_clamp(entry, -32768, 32767);
        } else {
            ((int8_t *)memory)[newest] = (int8_t)ek_clamp(entry, -128, 127);
        }
    }
    for (int32_t unit = 0; unit < p->units; unit++) {
        out[unit] = ek_svdf_s8_unit(p, memory, unit, is_wide);
    }
}

#define EK_SVDF_S8(function, entry, is_wide)                                                                          \
    EK_SHARED void function(const ek_svdf_s8_params *p, const int8_t *in, int8_t *out, entry *memory) {               \
        const int32_t entries = p->units * p->rank * p->memory;                                                       \
        for (int32_t batch = 0; batch < p->batches; batch++) {                                                        \
            memmove(memory, memory + 1, (size_t)(entries - 1) * sizeof(entry));                                       \
            ek_svdf_s8_batch(p, in, out, memory, is_wide);                                                            \
            in += p->inputs;                                                                                          \
            out += p->units;                                                                                          \
            memory += entries;                                                                                        \
        }                                                                                                             \
    }

EK_SVDF_S8(ek_svdf_s8_wide, int16_t, 1)
EK_SVDF_S8(ek_svdf_s8_narrow, int8_t, 0)

#endif
