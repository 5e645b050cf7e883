/* Instructions of Armv7E-M (and the DSP extension of Armv8-M) under one name each, with plain C that computes the same
 * where they are missing, so that a kernel which uses them is compiled and tested anywhere. Sums wrap modulo 2^32.
 * A word holds two signed halves, "low" and "high", or four signed bytes. */
#ifndef EK_DSP_H
#define EK_DSP_H

#include "ek.h"

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>

/* c + a.low * b.low + a.high * b.high */
static inline int32_t ek_smlad(int32_t a, int32_t b, int32_t c) { return __smlad(a, b, c); }

/* The bytes 0 and 2 as halves. */
static inline int32_t ek_sxtb16(int32_t x) { return __sxtb16(x); }

/* The same without a sign. */
static inline int32_t ek_uxtb16(int32_t x) { return (int32_t)((uint32_t)x & 0x00FF00FFu); }

/* Those plus the halves of `add`. */
static inline int32_t ek_sxtab16(int32_t add, int32_t x) { return __sxtab16(add, x); }

/* ACLE has no names for the following, but for __ssat, which warns of a conversion of its own. */

/* x saturated to 8 bits. */
static inline int32_t ek_ssat8(int32_t x) {
    int32_t result;
    __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x));
    return result;
}

/* The bytes 1 and 3 as halves. */
static inline int32_t ek_sxtb16_odd(int32_t x) {
    int32_t result;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(x));
    return result;
}

/* The same without a sign. */
static inline int32_t ek_uxtb16_odd(int32_t x) {
    int32_t result;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(result) : "r"(x));
    return result;
}

/* Those plus the halves of `add`. */
static inline int32_t ek_sxtab16_odd(int32_t add, int32_t x) {
    int32_t result;
    __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(add), "r"(x));
    return result;
}

/* The low halves of two words as one, the first one low; and their high halves. */
static inline int32_t ek_low_halves(int32_t a, int32_t b) {
    int32_t result;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

static inline int32_t ek_high_halves(int32_t a, int32_t b) {
    int32_t result;
    __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/* c + a half of a * a half of b, low or high. gcc would rather take the halves out than find these by itself. */
static inline int32_t ek_smlabb(int32_t a, int32_t b, int32_t c) {
    int32_t result;
    __asm__("smlabb %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
}

static inline int32_t ek_smlabt(int32_t a, int32_t b, int32_t c) {
    int32_t result;
    __asm__("smlabt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
}

static inline int32_t ek_smlatb(int32_t a, int32_t b, int32_t c) {
    int32_t result;
    __asm__("smlatb %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(c));
    return result;
}

static inline int32_t ek_smlatt(int32_t a, int32_t b, int32_t c) {
    int32_t result;
    __asm__("smlatt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(c));
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

/* The innermost loops as assembly need all 14 registers. gcc has them when it optimizes and keeps no frame pointer;
 * with -fno-omit-frame-pointer, or where it complains of "impossible constraints", define EK_NO_ASSEMBLY. */
#if defined(__OPTIMIZE__) && defined(__GNUC__) && !defined(__clang__) && !defined(EK_NO_ASSEMBLY)
#define EK_HAS_DSP_ASSEMBLY 1
#endif

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
static inline int32_t ek_uxtb16(int32_t x) { return (int32_t)((uint32_t)x & 0x00FF00FFu); }
static inline int32_t ek_uxtb16_odd(int32_t x) { return (int32_t)(((uint32_t)x >> 8) & 0x00FF00FFu); }
static inline int32_t ek_sxtb16_odd(int32_t x) { return ek_halves(ek_byte(x, 1), ek_byte(x, 3)); }

static inline int32_t ek_sxtab16(int32_t add, int32_t x) {
    return ek_halves(ek_low(add) + ek_byte(x, 0), ek_high(add) + ek_byte(x, 2));
}

static inline int32_t ek_sxtab16_odd(int32_t add, int32_t x) {
    return ek_halves(ek_low(add) + ek_byte(x, 1), ek_high(add) + ek_byte(x, 3));
}

static inline int32_t ek_low_halves(int32_t a, int32_t b) { return ek_halves(ek_low(a), ek_low(b)); }
static inline int32_t ek_high_halves(int32_t a, int32_t b) { return ek_halves(ek_high(a), ek_high(b)); }

static inline int32_t ek_plus(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
static inline int32_t ek_smlabb(int32_t a, int32_t b, int32_t c) { return ek_plus(c, ek_low(a) * ek_low(b)); }
static inline int32_t ek_smlabt(int32_t a, int32_t b, int32_t c) { return ek_plus(c, ek_low(a) * ek_high(b)); }
static inline int32_t ek_smlatb(int32_t a, int32_t b, int32_t c) { return ek_plus(c, ek_high(a) * ek_low(b)); }
static inline int32_t ek_smlatt(int32_t a, int32_t b, int32_t c) { return ek_plus(c, ek_high(a) * ek_high(b)); }

static inline int32_t ek_ssat8(int32_t x) { return ek_clamp(x, -128, 127); }

static inline int32_t ek_smmlar(int32_t a, int32_t b, int32_t c) {
    return c + (int32_t)(((int64_t)a * b + INT64_C(0x80000000)) >> 32);
}

static inline int32_t ek_smmla(int32_t a, int32_t b, int32_t c) { return c + (int32_t)(((int64_t)a * b) >> 32); }

#endif

/* A doubled sum as an output, in two roundings: `addend` is half a step and the output's zero point. */
static inline int8_t ek_scaled_s8_dsp(int32_t doubled, int32_t mantissa, int32_t addend, int32_t exponent) {
    const int32_t product = ek_smmlar(doubled, mantissa, addend);
    return (int8_t)ek_ssat8((product + (doubled >> 31)) >> exponent);
}

/* In one rounding. */
static inline int8_t ek_scaled_once_s8_dsp(int32_t doubled, int32_t mantissa, int32_t addend, int32_t exponent) {
    return (int8_t)ek_ssat8(ek_smmla(doubled, mantissa, addend) >> exponent);
}

/* A narrower range than int8's, for outputs that are written already. */
EK_SHARED void ek_clamp_s8(int8_t *values, int32_t count, int32_t low, int32_t high) {
    for (int32_t i = 0; i < count; i++) {
        values[i] = (int8_t)ek_clamp(values[i], low, high);
    }
}

/* Four bytes from anywhere. */
static inline int32_t ek_load(const int8_t *from) {
    int32_t word;
    memcpy(&word, from, 4);
    return word;
}

#endif
