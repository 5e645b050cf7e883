"""gemmlowp's fixed-point arithmetic in whole numbers, for tables that are computed when C is generated.

Source: https://github.com/google/gemmlowp/blob/master/fixedpoint/fixedpoint.h
"""

from __future__ import annotations

from edgekit.codegen.kernels.quantized import Multiplier

ONE = (1 << 31) - 1
"""1.0 with 31 bits of fraction, as near as int32 holds it."""

# (power of two, e to its minus with 31 bits of fraction)
_POWERS = (
    (-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535), (3, 720401), (4, 242),
)  # fmt: skip


def high_mul(a: int, b: int) -> int:
    """a * b / 2^31 to nearest, halves up (SaturatingRoundingDoublingHighMul)."""
    return (a * b + (1 << 30)) >> 31


def shift_right(x: int, exponent: int) -> int:
    """x / 2^exponent to nearest, halves away from zero (RoundingDivideByPOT)."""
    return x if exponent == 0 else (x + (1 << (exponent - 1)) - (x < 0)) >> exponent


def exp_of_negative(x: int) -> int:
    """e^x with 31 bits of fraction for x <= 0 with 26 bits of fraction (exp_on_negative_values)."""
    if x == 0:
        return ONE
    quarter = 1 << 24
    in_quarter = (x & (quarter - 1)) - quarter
    result = _exp_near_zero(in_quarter << 5)
    remainder = in_quarter - x
    for power, factor in _POWERS:
        if remainder & (1 << (26 + power)):
            result = high_mul(result, factor)
    return result


def _exp_near_zero(x: int) -> int:
    """e^x for -1/4 <= x < 0, both with 31 bits of fraction: a Taylor series around -1/8."""
    at_eighth, third = 1895147668, 715827883
    x += 1 << 28
    x2 = high_mul(x, x)
    x3 = high_mul(x2, x)
    x4 = high_mul(x2, x2)
    higher = shift_right(high_mul(shift_right(x4, 2) + x3, third) + x2, 1)
    return at_eighth + high_mul(at_eighth, x + higher)


def requantize(x: int, multiplier: Multiplier) -> int:
    """x times a multiplier, in two roundings (MultiplyByQuantizedMultiplier)."""
    left, right = max(multiplier.shift, 0), max(-multiplier.shift, 0)
    return shift_right(high_mul(x << left, multiplier.mantissa), right)


def inverse_square_root(x: int) -> Multiplier:
    """1 / sqrt(x) for x > 0, by five steps of Newton and Raphson (GetInvSqrtQuantizedMultiplierExp of
    tensorflow/lite/kernels/internal/common.h)."""
    if x == 1:
        return Multiplier(ONE, 0)
    pairs = (31 - x.bit_length()) // 2 - 1
    shift = 11 - pairs
    half = shift_right(x << (2 * pairs) >> 1, 1)
    root = 1 << 28
    for _ in range(5):
        cube = high_mul(high_mul(root, root), root) << 6
        root = (high_mul((1 << 28) + (1 << 27), root) - high_mul(half, cube)) << 3
    root = high_mul(root, 1518500250)
    return Multiplier(root << max(-shift, 0), -max(shift, 0))
