"""FULLY_CONNECTED as LiteRT's reference computes it: the sum times a factor in double precision, rounded once, halves
away from zero (reference_ops::FullyConnected; TFLite Micro rounds twice, in fixed point).

A kernel computes (sum * mantissa + half) >> shift. Both are staircases of at most 255 steps, so the one equals the
other for every sum if each step is at the same sum; a mantissa is chosen with which it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.quantized import Multiplier, multiplier_of, scale_of, scales_of
from edgekit.graph.model import Op
from edgekit.graph.ops import weights_of

_NEARBY = (0, 1, 2, -1, 3)
"""What may be added to the mantissa; one more moves exact halves away from zero."""


def rounded_once(op: Op, layer: Linear) -> Linear:
    """The layer with multipliers for rounding once."""
    weights = weights_of(op)
    assert weights is not None
    factors = scale_of(layer.source) * scales_of(weights).astype(np.float64) / scale_of(layer.output)
    levels = np.arange(layer.low - layer.output_zero_point, layer.high - layer.output_zero_point)
    found = [once_multiplier(float(factor), levels) for factor in np.broadcast_to(factors, layer.mantissas.shape)]
    return replace(
        layer,
        mantissas=np.array([one.mantissa for one in found], np.int32),
        shifts=np.array([one.shift for one in found], np.int32),
    )


def once_multiplier(factor: float, levels: NDArray[np.int64]) -> Multiplier:
    """A multiplier that takes every sum from each of the (output) levels to the next where the factor does; the nearest
    one where there is none.

    >>> once_multiplier(0.5, np.arange(-128, 127))
    Multiplier(mantissa=1073741825, shift=0)
    """
    nearest = multiplier_of(factor)
    if nearest.mantissa == 0:
        return nearest
    steps = _steps_of_factor(factor, levels)
    candidates = (Multiplier(nearest.mantissa + added, nearest.shift) for added in _NEARBY)
    return next((one for one in candidates if _is_staircase(one, levels, steps)), nearest)


def _steps_of_factor(factor: float, levels: NDArray[np.int64]) -> list[int]:
    """For each level, the least sum that is rounded to more than it."""
    guesses = np.ceil((levels + 0.5) / factor)[:, None] + np.arange(-2, 3)
    products = guesses * factor
    is_above = np.copysign(np.floor(np.abs(products) + 0.5), products) > levels[:, None]
    return [int(step) for step in guesses[np.arange(levels.size), is_above.argmax(axis=1)]]


def _is_staircase(one: Multiplier, levels: NDArray[np.int64], steps: list[int]) -> bool:
    half = 1 << (30 - one.shift) if one.shift <= 30 else 0
    if one.mantissa >= 1 << 31 or not half:
        return False
    return all(
        -((-(2 * level + 1) * half) // one.mantissa) == step for level, step in zip(levels.tolist(), steps, strict=True)
    )
