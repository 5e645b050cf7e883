/* Logistic function and hyperbolic tangent on 16-bit fixed point numbers, with the roundings of gemmlowp's
 * fixedpoint.h. "Qm" is a number of m integer bits: raw = value * 2^(15 - m). */
#ifndef EK_FIXED16_H
#define EK_FIXED16_H

#include "ek.h"

static inline int32_t ek_saturate16(int32_t x) { return ek_clamp(x, -32768, 32767); }

/* a * b / 2^15, to nearest, halves away from zero, saturated. */
static inline int32_t ek_mul16(int32_t a, int32_t b) {
    const int32_t product = a * b;
    return ek_min((product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15), 32767);
}

/* exp(a) as Q0 for a Q0 in [-1/4, 0): Taylor's series round -1/8. */
static inline int32_t ek_exp16_quarter(int32_t a) {
    const int32_t x = a + 4096;
    const int32_t x2 = ek_mul16(x, x);
    const int32_t x3 = ek_mul16(x2, x);
    const int32_t x4 = ek_shift_right(ek_mul16(x2, x2), 2);
    const int32_t tail = ek_shift_right(ek_mul16(x4 + x3, 10923) + x2, 1);
    return ek_saturate16(28918 + ek_mul16(28918, x + tail));
}

/* exp(a) as Q0 for a <= 0 of `bits` integer bits, 0 <= bits <= 7: the quarter, then a factor for each higher bit. */
EK_SHARED int32_t ek_exp16(int32_t a, int32_t bits) {
    static const int16_t factors[7] = {25520, 19875, 12055, 4435, 600, 11, 0}; /* exp(-2^i), i from -2 */
    const int32_t quarter = 1 << (13 - bits);
    const int32_t in_quarter = (a & (quarter - 1)) - quarter;
    const int32_t rest = in_quarter - a;
    int32_t result = ek_exp16_quarter(ek_saturate16(in_quarter * (1 << bits)));
    if (a == 0) {
        return 32767;
    }
    if (bits > 5 && a < -(1 << (20 - bits))) { /* below -32 */
        return 0;
    }
    for (int32_t i = 0; i < ek_min(bits + 2, 7); i++) {
        if ((rest & (quarter << i)) != 0) {
            result = ek_mul16(result, factors[i]);
        }
    }
    return result;
}

/* 2 / (1 + x) as Q2 for x Q0 in [0, 1]: Newton's division. */
EK_SHARED int32_t ek_two_over_one_plus16(int32_t x) {
    const int32_t half = (x + 32767 + 1) / 2;
    int32_t inverse = 23130 + ek_mul16(half, -15420);
    for (int32_t i = 0; i < 3; i++) {
        inverse += ek_saturate16(4 * ek_mul16(inverse, 8192 - ek_mul16(half, inverse)));
    }
    return inverse;
}

/* Of a Q`bits`, as Q0. */
EK_SHARED int16_t ek_logistic16(int32_t a, int32_t bits) {
    if (a == 0) {
        return 16384;
    }
    const int32_t positive = ek_saturate16(2 * ek_two_over_one_plus16(ek_exp16(a > 0 ? -a : a, bits)));
    return (int16_t)(a > 0 ? positive : 32767 - positive);
}

/* Of a Q`bits`, bits <= 6, as Q0. */
EK_SHARED int16_t ek_tanh16(int32_t a, int32_t bits) {
    if (a == 0) {
        return 0;
    }
    const int32_t inverse = ek_two_over_one_plus16(ek_exp16(a > 0 ? -a : a, bits + 1));
    const int32_t magnitude = ek_saturate16(4 * (inverse - 8192));
    return (int16_t)(a > 0 ? magnitude : -magnitude);
}

#endif
