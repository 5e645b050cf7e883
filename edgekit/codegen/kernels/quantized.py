"""Numbers of quantized arithmetic, computed as TFLite computes them when it prepares a model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import ModelError
from edgekit.graph.model import Tensor


@dataclass(frozen=True, slots=True)
class Multiplier:
    """A positive real below 2^31 as mantissa * 2^(shift - 31), the mantissa in [2^30, 2^31), or 0."""

    mantissa: int
    shift: int


def multiplier_of(real: float) -> Multiplier:
    """As QuantizeMultiplier of tensorflow/lite/kernels/internal/quantization_util.cc.

    >>> multiplier_of(0.5)
    Multiplier(mantissa=1073741824, shift=0)
    """
    if real == 0.0:
        return Multiplier(0, 0)
    fraction, shift = math.frexp(real)
    mantissa = math.floor(fraction * (1 << 31) + 0.5)
    if mantissa == 1 << 31:
        mantissa, shift = mantissa // 2, shift + 1
    if shift < -31:
        mantissa, shift = 0, 0
    if shift > 31:
        raise OverflowError(f"scales are a factor of {real:.3g} apart")
    if shift > 30:
        mantissa, shift = (1 << 31) - 1, 30
    return Multiplier(mantissa, shift)


def scale_of(tensor: Tensor) -> float:
    """The scale of a tensor that has one. Raises ModelError where it has none, or one for each channel."""
    scales = scales_of(tensor)
    if scales.size != 1:
        raise ModelError(f"Tensor '{tensor.name}' has {scales.size} scales, and here it can have only one.")
    return float(scales[0])


def scales_of(tensor: Tensor) -> NDArray[np.float32]:
    """The scales of a tensor, one or one a channel. Raises ModelError where it has none."""
    if tensor.quantization is None or tensor.quantization.scale.size == 0:
        raise ModelError(f"Tensor '{tensor.name}' is {tensor.dtype.label} without a scale.")
    return tensor.quantization.scale


def zero_point_of(tensor: Tensor) -> int:
    """The zero point of a tensor, 0 where it has no quantization."""
    quantization = tensor.quantization
    return int(quantization.zero_point[0]) if quantization is not None and quantization.zero_point.size else 0


def output_range(activation: int, output: Tensor) -> tuple[int, int]:
    """The least and the greatest stored value after a fused activation, as CalculateActivationRangeQuantized.

    Args:
        activation: the schema's ActivationFunctionType: 0 none, 1 RELU, 2 RELU_N1_TO_1, 3 RELU6.
    """
    low, high = output.dtype.integer_range or (0, 0)
    limits = {0: (None, None), 1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
    if activation not in limits:
        raise ModelError(f"No C is generated for the fused activation {activation} of '{output.name}'.")
    below, above = limits[activation]
    return (
        low if below is None else max(low, stored_of(below, output)),
        high if above is None else min(high, stored_of(above, output)),
    )


def stored_of(real: float, tensor: Tensor) -> int:
    """What stands for a real number in `tensor`, were its type wide enough; computed in float32, as TFLite does."""
    return zero_point_of(tensor) + _round_half_away(np.float32(real) / np.float32(scale_of(tensor)))


def _round_half_away(value: np.floating) -> int:
    return int(math.copysign(math.floor(abs(float(value)) + 0.5), float(value)))
