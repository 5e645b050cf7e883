/* SVDF on int8 with an int16 memory, in plain C: a filter's response to the input is remembered for some runs, and the
 * output is a weighted sum of what is remembered. */
#ifndef EK_SVDF_S8_H
#define EK_SVDF_S8_H

#include "ek.h"

typedef struct {
    int32_t batches, inputs, units, rank, memory;
    const int8_t *feature_weights; /* [units * rank][inputs] */
    const int32_t *feature_bias;   /* less the input zero point times the weights */
    const int16_t *time_weights;   /* [units * rank][memory] */
    const int32_t *bias;           /* [units] */
    int32_t feature_mantissa, feature_shift, output_mantissa, output_shift, output_zero_point;
} ek_svdf_s8_params;

/* The newest entry of a filter's memory; the older ones have moved up already. */
EK_BODY int16_t ek_svdf_s8_feature(const ek_svdf_s8_params *p, const int8_t *in, int32_t filter) {
    const int8_t *w = p->feature_weights + filter * p->inputs;
    int32_t sum = p->feature_bias[filter];
    for (int32_t i = 0; i < p->inputs; i++) {
        sum += w[i] * in[i];
    }
    return (int16_t)ek_clamp(ek_requantize(sum, p->feature_mantissa, p->feature_shift), -32768, 32767);
}

/* An output from the memories of its `rank` filters; sums wrap round as TFLite's do. */
EK_BODY int8_t ek_svdf_s8_unit(const ek_svdf_s8_params *p, const int16_t *memory, int32_t unit) {
    const int32_t count = p->rank * p->memory;
    uint32_t sum = (uint32_t)p->bias[unit];
    for (int32_t i = unit * count; i < (unit + 1) * count; i++) {
        sum += (uint32_t)(p->time_weights[i] * memory[i]);
    }
    const int32_t scaled = ek_requantize((int32_t)sum, p->output_mantissa, p->output_shift);
    return (int8_t)ek_clamp(scaled + p->output_zero_point, -128, 127);
}

EK_BODY void ek_svdf_s8_body(const ek_svdf_s8_params *p, const int8_t *in, int8_t *out, int16_t *memory) {
    const int32_t filters = p->units * p->rank;
    const int32_t entries = filters * p->memory;
    for (int32_t batch = 0; batch < p->batches; batch++, in += p->inputs, memory += entries) {
        memmove(memory, memory + 1, (size_t)(entries - 1) * sizeof(int16_t));
        for (int32_t filter = 0; filter < filters; filter++) {
            memory[(filter + 1) * p->memory - 1] = ek_svdf_s8_feature(p, in, filter);
        }
        for (int32_t unit = 0; unit < p->units; unit++) {
            *out++ = ek_svdf_s8_unit(p, memory, unit);
        }
    }
}

EK_SHARED void ek_svdf_s8(const ek_svdf_s8_params *p, const int8_t *in, int8_t *out, int16_t *memory) {
    ek_svdf_s8_body(p, in, out, memory);
}

#endif
