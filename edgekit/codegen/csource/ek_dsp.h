/* Instructions of Armv7E-M (and the DSP extension of Armv8-M) under one name each, with plain C that computes the same
 * where they are missing, so that a kernel which uses them is compiled and tested anywhere. Sums wrap modulo 2^32.
 * A word holds two signed halves, "low" and "high", or four signed bytes. */
#ifndef EK_DSP_H
#define EK_DSP_H

#include "ek.h"

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#define EK_HAS_DSP 1
#include <arm_acle.h>

/* c + a.low * b.low + a.high * b.high */
static inline int32_t ek_smlad(int32_t a, int32_t b, int32_t c) { return __smlad(a, b, c); }

/* The bytes 0 and 2 as halves. */
static inline int32_t ek_sxtb16(int32_t x) { return __sxtb16(x); }

/* x saturated to 8 bits. */
static inline int32_t ek_ssat8(int32_t x) { return __ssat(x, 8); }

/* ACLE has no names for the following. */

/* The bytes 1 and 3 as halves. */
static inline int32_t ek_sxtb16_odd(int32_t x) {
    int32_t result;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(x));
    return result;
}

/* c + a * b / 2^32, to nearest, halves up. */
static inline int32_t ek_smmlar(int32_t a, int32_t b, int32_t c) {
    int32_t result;
    __asm__("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
}

/* c + a * b / 2^32, rounded down. */
static inline int32_t ek_smmla(int32_t a, int32_t b, int32_t c) {
    int32_t result;
    __asm__("smmla %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
}

#else

static inline int32_t ek_low(int32_t x) { return (int16_t)((uint32_t)x & 0xFFFFu); }
static inline int32_t ek_high(int32_t x) { return (int16_t)((uint32_t)x >> 16); }

static inline int32_t ek_halves(int32_t low, int32_t high) {
    return (int32_t)(((uint32_t)low & 0xFFFFu) | ((uint32_t)high << 16));
}

static inline int32_t ek_byte(int32_t x, int32_t number) { return (int8_t)(((uint32_t)x >> (8 * number)) & 0xFFu); }

static inline int32_t ek_smlad(int32_t a, int32_t b, int32_t c) {
    return (int32_t)((uint32_t)c + (uint32_t)(ek_low(a) * ek_low(b)) + (uint32_t)(ek_high(a) * ek_high(b)));
}

static inline int32_t ek_sxtb16(int32_t x) { return ek_halves(ek_byte(x, 0), ek_byte(x, 2)); }
static inline int32_t ek_sxtb16_odd(int32_t x) { return ek_halves(ek_byte(x, 1), ek_byte(x, 3)); }
static inline int32_t ek_ssat8(int32_t x) { return ek_clamp(x, -128, 127); }

static inline int32_t ek_smmlar(int32_t a, int32_t b, int32_t c) {
    return c + (int32_t)(((int64_t)a * b + INT64_C(0x80000000)) >> 32);
}

static inline int32_t ek_smmla(int32_t a, int32_t b, int32_t c) { return c + (int32_t)(((int64_t)a * b) >> 32); }

#endif

/* Four bytes from anywhere. */
static inline int32_t ek_load(const int8_t *from) {
    int32_t word;
    memcpy(&word, from, 4);
    return word;
}

#endif
