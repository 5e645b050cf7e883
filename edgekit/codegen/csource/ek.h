/* edgekit C: what every kernel needs. C99, no heap, no recursion. */
#ifndef EK_H
#define EK_H

#include <stdint.h>
#include <string.h>

/* A kernel is written once as a body. Shared, it is one function that every layer calls with its parameters; a layer's
 * own copy is the body with the layer's constants folded in. */
#define EK_BODY static inline __attribute__((always_inline))
#define EK_SHARED static __attribute__((noinline, unused))
#define EK_ALIGNED(bytes) __attribute__((aligned(bytes)))

/* Part of an output, in rows: `in` points to row in_first of the input, `out` to where row out_first goes. */
typedef struct {
    int32_t in_first;
    int32_t out_first;
    int32_t out_count;
} ek_rows;

static inline int32_t ek_min(int32_t a, int32_t b) { return a < b ? a : b; }
static inline int32_t ek_max(int32_t a, int32_t b) { return a > b ? a : b; }
static inline int32_t ek_clamp(int32_t x, int32_t low, int32_t high) { return ek_min(ek_max(x, low), high); }

/* x * multiplier / 2^31, to nearest, halves up (gemmlowp's SaturatingRoundingDoublingHighMul for all but the one pair
 * of arguments that overflows, which no generated multiplier is part of). */
static inline int32_t ek_high_mul(int32_t x, int32_t multiplier) {
    return (int32_t)(((int64_t)x * multiplier + (INT64_C(1) << 30)) >> 31);
}

/* x / 2^exponent, to nearest, halves away from zero (gemmlowp's RoundingDivideByPOT). 0 <= exponent <= 31. */
static inline int32_t ek_shift_right(int32_t x, int32_t exponent) {
    const int64_t half = exponent > 0 ? INT64_C(1) << (exponent - 1) : 0;
    return (int32_t)(((int64_t)x + half - (x < 0 && exponent > 0 ? 1 : 0)) >> exponent);
}

/* x * multiplier * 2^(shift - 31) in two roundings, as TFLite's MultiplyByQuantizedMultiplier. -31 <= shift <= 30. */
static inline int32_t ek_requantize(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    return ek_shift_right(ek_high_mul((int32_t)((uint32_t)x << left), multiplier), right);
}

/* The same in one rounding, halves up, as TFLite's MultiplyByQuantizedMultiplier with single rounding. */
static inline int32_t ek_requantize_once(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t total = 31 - shift;
    return (int32_t)(((int64_t)x * multiplier + (INT64_C(1) << (total - 1))) >> total);
}

#endif
