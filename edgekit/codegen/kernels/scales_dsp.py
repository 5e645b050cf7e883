"""The scales of a layer's channels as `ek_scaled_s8_dsp` takes them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.kernels.linear import Ints, Linear, sums

_MOST_SHIFT = 22
"""With more, half a step and the zero point do not fit beside the product in 32 bits."""
_MOST_SUM = 1 << 30
"""Sums are doubled in 32 bits."""


def scales_dsp(layer: Linear, rounds_once: bool = False, folded: bool = True) -> NDArray[np.int32] | None:
    """(channels, 4): twice the bias, mantissa, addend (half a step and the zero point), exponent.

    None where a channel is not scaled down, or its sums are too large; channels that are constant whatever the input
    can always be had. The bias is the layer's own, for inputs less their zero point, where it is not `folded`.
    """
    low, high = sums(layer.rows)
    least, most = layer.bias + low, layer.bias + high
    exponents = -layer.shifts.astype(np.int64)
    in_range = (exponents >= 1) & (exponents <= _MOST_SHIFT) & (least > -_MOST_SUM) & (most < _MOST_SUM)
    bottom, top = _outputs(layer, least, rounds_once), _outputs(layer, most, rounds_once)
    is_constant = (bottom == top) & (exponents >= 0) & (least >= -(1 << 31)) & (most < 1 << 31)
    if not np.all(in_range | is_constant):
        return None
    shifts = np.where(in_range, exponents, 1)
    addends = (layer.output_zero_point << shifts) + (1 << (shifts - 1))
    bias = layer.bias.astype(np.int64) if folded else layer.own_bias
    moving = np.stack([2 * bias, layer.mantissas, addends, shifts], axis=1)
    still = np.stack([0 * bottom, 0 * bottom, 2 * bottom + 1, 0 * bottom + 1], axis=1)
    return np.where(in_range[:, None], moving, still).astype(np.int32)


def _outputs(layer: Linear, totals: Ints, rounds_once: bool) -> Ints:
    """What stored outputs the sums become, before a fused activation; they grow with the sums."""
    exponents = np.clip(-layer.shifts.astype(np.int64), 0, 31)
    product = np.clip(totals, -(1 << 31), (1 << 31) - 1) * layer.mantissas.astype(np.int64)
    if rounds_once:
        scaled = (product + (np.int64(1) << (exponents + 30))) >> (exponents + 31)
    else:
        doubled = (product + (1 << 30)) >> 31
        half = np.where(exponents > 0, np.int64(1) << np.maximum(exponents - 1, 0), 0)
        scaled = (doubled + half - ((doubled < 0) & (exponents > 0))) >> exponents
    stored: Ints = np.clip(scaled + layer.output_zero_point, -128, 127)
    return stored
