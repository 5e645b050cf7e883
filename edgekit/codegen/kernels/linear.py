"""What convolutions and fully connected layers have in common: int8 inputs, scales for channels, int32 bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.kernels.quantized import multiplier_of, output_range, scale_of, scales_of, zero_point_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A layer's numbers, ready for a kernel.

    Attributes:
        weights: int8, as the file has them.
        channel_axis: of the weights.
        bias: int32 (channels,): the layer's bias, and what the input's zero point adds where `folds_zero_point`:
            then a sum over stored inputs (padding filled with the zero point) needs no correction.
        mantissas, shifts: int32 (channels,), from the sum to the output's scale.
        low, high: of the stored output.
    """

    source: Tensor
    output: Tensor
    weights: NDArray[np.int8]
    channel_axis: int
    bias: NDArray[np.int32]
    mantissas: NDArray[np.int32]
    shifts: NDArray[np.int32]
    input_zero_point: int
    output_zero_point: int
    low: int
    high: int


def linear_of(op: Op, channel_axis: int) -> Linear:
    """The numbers of an int8 layer. Raises ModelError where a type or a scale is none that a kernel takes."""
    source, weights, bias = activation_of(op), weights_of(op), bias_of(op)
    output = op.outputs[0]
    if source is None or weights is None or weights.data is None:
        raise ModelError(f"{op.label} '{op.name}' has weights that are computed while it runs; C needs constant ones.")
    values = np.asarray(weights.data, np.int8)
    channels = values.shape[channel_axis]
    scales = np.broadcast_to(scales_of(weights).astype(np.float64), (channels,))
    factor = np.float64(scale_of(source)) * scales / np.float64(scale_of(output))
    multipliers = [multiplier_of(float(real)) for real in factor]
    low, high = output_range(int(op.options.fusedActivationFunction), output)
    return Linear(
        source=source,
        output=output,
        weights=values,
        channel_axis=channel_axis,
        bias=_folded(bias, values, channel_axis, zero_point_of(source)),
        mantissas=np.array([m.mantissa for m in multipliers], np.int32),
        shifts=np.array([m.shift for m in multipliers], np.int32),
        input_zero_point=zero_point_of(source),
        output_zero_point=zero_point_of(output),
        low=low,
        high=high,
    )


def _folded(bias: Tensor | None, weights: NDArray[np.int8], axis: int, zero_point: int) -> NDArray[np.int32]:
    """bias - zero_point * (sum of the channel's weights), modulo 2^32 as the sums themselves are."""
    rows = np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1).astype(np.int64)
    own = np.zeros(len(rows), np.int64)
    if bias is not None and bias.data is not None:
        own = np.asarray(bias.data, np.int64).reshape(-1)
    folded: NDArray[np.int32] = (own - zero_point * rows.sum(axis=1)).astype(np.uint64).astype(np.uint32).view(np.int32)
    return folded
