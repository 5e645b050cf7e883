"""What convolutions and fully connected layers have in common: int8 inputs, scales for channels, int32 bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.kernels.quantized import multiplier_of, output_range, scale_of, scales_of, zero_point_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of
from edgekit.graph.types import DType

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A layer's numbers, ready for a kernel.

    Attributes:
        weights: int8 (one of 4 bits in each where they are packed), as the file has them.
        channel_axis: of the weights.
        is_packed: the file has weights of 4 bits, and so has flash, two a byte.
        bias: int32 (channels,): the layer's bias, and what the input's zero point adds: with it a sum over stored
            inputs (padding filled with the zero point) needs no correction.
        mantissas, shifts: int32 (channels,), from the sum to the output's scale.
        low, high: of the stored output.
    """

    source: Tensor
    output: Tensor
    weights: NDArray[np.int8]
    channel_axis: int
    is_packed: bool
    bias: NDArray[np.int32]
    mantissas: NDArray[np.int32]
    shifts: NDArray[np.int32]
    input_zero_point: int
    output_zero_point: int
    low: int
    high: int

    @property
    def batches(self) -> int:
        """Images, or vectors, of an inference."""
        return self.source.shape[0]

    @property
    def own_bias(self) -> Ints:
        """The layer's bias, for inputs less their zero point."""
        own: Ints = self.bias + self.input_zero_point * self.rows.sum(1, np.int64)
        return own

    @property
    def rows(self) -> NDArray[np.int8]:
        """The weights as (output channels, products)."""
        return by_channel(self.weights, self.channel_axis)


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
    rows = by_channel(values, channel_axis)
    folded = _folded(bias, rows, zero_point_of(source))
    _require_no_overflow(op, source, folded, rows)
    low, high = output_range(int(op.options.fusedActivationFunction), output)
    return Linear(
        source=source,
        output=output,
        weights=values,
        channel_axis=channel_axis,
        is_packed=weights.dtype is DType.INT4,
        bias=folded.astype(np.int32),
        mantissas=np.array([m.mantissa for m in multipliers], np.int32),
        shifts=np.array([m.shift for m in multipliers], np.int32),
        input_zero_point=zero_point_of(source),
        output_zero_point=zero_point_of(output),
        low=low,
        high=high,
    )


def _folded(bias: Tensor | None, rows: NDArray[np.int8], zero_point: int) -> Ints:
    """bias - zero_point * (sum of the channel's weights)."""
    own = np.zeros(len(rows), np.int64)
    if bias is not None and bias.data is not None:
        own = np.asarray(bias.data, np.int64).reshape(-1)
    folded: Ints = own - zero_point * rows.sum(1, np.int64)
    return folded


def _require_no_overflow(op: Op, source: Tensor, bias: Ints, rows: NDArray[np.int8]) -> None:
    """No sum of int8 inputs may leave int32 on its way: C has no such sums. (Sums of int16 inputs are of 64 bits.)"""
    reach = np.abs(bias) + 128 * np.abs(rows.astype(np.int64)).sum(axis=1)
    if source.dtype is DType.INT8 and np.any(reach >= 1 << 31):
        channel = int(np.argmax(reach))
        raise ModelError(
            f"{op.label} '{op.name}' has a bias in output channel {channel} with which its sums can leave int32.",
            "calibrate and quantize the model again",
        )


def by_channel(weights: NDArray[np.int8], axis: int) -> NDArray[np.int8]:
    """Weights as (output channels, products)."""
    return np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)


def sums(rows: NDArray[np.int8]) -> tuple[Ints, Ints]:
    """The least and the greatest sum of each row over int8 inputs."""
    up, down = np.maximum(rows, 0).sum(1, np.int64), np.minimum(rows, 0).sum(1, np.int64)
    return 127 * down - 128 * up, 127 * up - 128 * down
