/* Sums of products on int8 in plain C: one vector by one or four rows of weights, which may be packed, two of 4 bits a
 * byte. */
#ifndef EK_DOT_S8_H
#define EK_DOT_S8_H

#include "ek.h"

/* The weight at `i` of a row: of 8 bits, or of 4, the low one of a byte first. */
EK_BODY int32_t ek_weight(const int8_t *row, int32_t i, int32_t is_packed) {
    if (is_packed == 0) {
        return row[i];
    }
    const int32_t both = row[i / 2];
    return i % 2 == 0 ? ((both & 15) ^ 8) - 8 : both >> 4;
}

EK_BODY int32_t ek_dot_any(const int8_t *x, const int8_t *row, int32_t size, int32_t is_packed) {
    int32_t sum = 0;
    for (int32_t i = 0; i < size; i++) {
        sum += ek_weight(row, i, is_packed) * x[i];
    }
    return sum;
}

/* Adds the sums of four rows, `row_bytes` from each other. */
EK_BODY void ek_dot_four_any(const int8_t *x, const int8_t *rows, int32_t size, int32_t row_bytes, int32_t is_packed,
                             int32_t sums[4]) {
    const int8_t *const second = rows + row_bytes;
    const int8_t *const third = rows + 2 * row_bytes;
    const int8_t *const fourth = rows + 3 * row_bytes;
    int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
    for (int32_t i = 0; i < size; i++) {
        const int32_t value = x[i];
        a += ek_weight(rows, i, is_packed) * value;
        b += ek_weight(second, i, is_packed) * value;
        c += ek_weight(third, i, is_packed) * value;
        d += ek_weight(fourth, i, is_packed) * value;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* What is done to each sum of a layer. */
typedef struct {
    const int32_t *mantissas;
    const int8_t *shifts;
    int32_t output_zero_point, low, high, rounds_once;
} ek_scaling_s8;

EK_BODY int8_t ek_scaled_s8(const ek_scaling_s8 *to, int32_t sum, int32_t channel) {
    const int32_t mantissa = to->mantissas[channel];
    const int32_t shift = to->shifts[channel];
    const int32_t scaled =
        to->rounds_once != 0 ? ek_requantize_once(sum, mantissa, shift) : ek_requantize(sum, mantissa, shift);
    return (int8_t)ek_clamp(scaled + to->output_zero_point, to->low, to->high);
}

/* `count` outputs, from `channel` on, of one vector; `rows` are theirs. */
EK_BODY void ek_rows_any(const ek_scaling_s8 *to, const int8_t *x, const int8_t *rows, const int32_t *bias,
                         int32_t size, int32_t channel, int32_t count, int32_t is_packed, int8_t *out) {
    const int32_t row_bytes = is_packed != 0 ? (size + 1) / 2 : size;
    for (int32_t four = count / 4; four > 0; four--, channel += 4, rows += 4 * row_bytes) {
        int32_t sums[4] = {bias[channel], bias[channel + 1], bias[channel + 2], bias[channel + 3]};
        ek_dot_four_any(x, rows, size, row_bytes, is_packed, sums);
        for (int32_t i = 0; i < 4; i++) {
            *out++ = ek_scaled_s8(to, sums[i], channel + i);
        }
    }
    for (int32_t rest = count & 3; rest > 0; rest--, channel++, rows += row_bytes) {
        *out++ = ek_scaled_s8(to, bias[channel] + ek_dot_any(x, rows, size, is_packed), channel);
    }
}

#endif
