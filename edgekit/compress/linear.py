"""Every operator with weights as matrix products: outputs = rows @ matrix + bias, for each group. Pure but for `Op`.

A convolution is one product of its patches with its kernel, a depthwise one a product for each channel, a transposed
one a convolution over its input spread out with zeros. What works on such products (refitting, rounding, importance)
works on all of them.

Source of layouts and paddings: tensorflow/lite/kernels/{conv,depthwise_conv,transpose_conv,fully_connected}.cc,
kernels/padding.h.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of

Floats = npt.NDArray[np.float32]

LINEAR = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
"""The operators that this module knows."""

_SAME = 0  # Padding.SAME of the schema


def is_linear(op: Op) -> bool:
    """Whether `op` is one of `LINEAR`, with constant weights, a constant bias or none, and data from outside."""
    if op.kind not in LINEAR:
        return False
    weights, bias, data = weights_of(op), bias_of(op), activation_of(op)
    plain = weights is not None and weights.is_constant and data is not None and not data.is_constant
    return plain and (bias is None or bias.is_constant)


def groups_of(op: Op) -> int:
    """In how many groups the channels are: inputs of one never meet outputs of another."""
    weights = _weights(op)
    if op.kind == "DEPTHWISE_CONV_2D":
        return _data(op).shape[-1]
    return _data(op).shape[-1] // weights.shape[-1] if op.kind == "CONV_2D" else 1


def to_matrix(op: Op, weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Weights in the operator's layout as (groups, taps, outputs of a group); taps are in the order of `rows`."""
    groups = groups_of(op)
    if op.kind == "DEPTHWISE_CONV_2D":
        _, high, wide, channels = weights.shape
        return weights.reshape(high * wide, groups, channels // groups).transpose(1, 0, 2)
    if op.kind == "TRANSPOSE_CONV":
        weights = weights[:, ::-1, ::-1]
    return weights.reshape(groups, weights.shape[0] // groups, -1).transpose(0, 2, 1)


def to_weights(op: Op, matrix: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The inverse of `to_matrix`, contiguous."""
    shape = _weights(op).shape
    if op.kind == "DEPTHWISE_CONV_2D":
        return np.ascontiguousarray(matrix.transpose(1, 0, 2).reshape(shape))
    weights = matrix.transpose(0, 2, 1).reshape(shape)
    return np.ascontiguousarray(weights[:, ::-1, ::-1] if op.kind == "TRANSPOSE_CONV" else weights)


def to_outputs(op: Op, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """One value for each output channel (a bias, scales, …) as (groups, outputs of a group)."""
    return values.reshape(groups_of(op), -1)


def positions(op: Op, batch: int = 1) -> int:
    """How many rows `rows` gives for `batch` samples: places of the output, without channels."""
    shape = op.outputs[0].shape
    return batch * int(np.prod(shape[:-1] if op.kind == "FULLY_CONNECTED" else shape[1:-1], dtype=np.int64))


def rows(op: Op, data: npt.NDArray[Any], keep: npt.NDArray[np.intp] | None = None) -> npt.NDArray[Any]:
    """What the weights are multiplied with: (groups, positions, taps).

    Args:
        data: the operator's input, batch first, in real values: zero is what pads.
        keep: which positions, counted through samples, rows and columns of the output; None means all.
    """
    if op.kind == "FULLY_CONNECTED":
        flat = data.reshape(-1, _weights(op).shape[-1])
        return (flat if keep is None else flat[keep])[None]
    windows = _windows(op, data)
    if keep is None:
        patches = windows.reshape(-1, *windows.shape[3:])
    else:
        patches = windows[np.unravel_index(keep, windows.shape[:3])]
    groups = groups_of(op)
    count, channels, high, wide = patches.shape
    split = patches.reshape(count, groups, channels // groups, high, wide)
    return split.transpose(1, 0, 3, 4, 2).reshape(groups, count, -1)


def _windows(op: Op, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A view of (batch, rows, columns, channels, kernel rows, kernel columns)."""
    kernel = _weights(op).shape[1:3]
    if op.kind == "TRANSPOSE_CONV":
        data, stride, dilation = _spread(op, data), (1, 1), (1, 1)
    else:
        o = op.options
        stride, dilation = (o.strideH, o.strideW), (o.dilationHFactor or 1, o.dilationWFactor or 1)
        pads = [_padding(op, data.shape[1 + a], kernel[a], stride[a], dilation[a]) for a in (0, 1)]
        data = np.pad(data, ((0, 0), *pads, (0, 0)))
    reach = tuple((kernel[a] - 1) * dilation[a] + 1 for a in (0, 1))
    windows = np.lib.stride_tricks.sliding_window_view(data, reach, axis=(1, 2))
    return windows[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]


def _padding(op: Op, size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros before and after, along one axis."""
    if op.options.padding != _SAME:
        return 0, 0
    reach = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def _spread(op: Op, data: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A transposed convolution's input with zeros between, and around as the plain convolution over it needs."""
    kernel, o = _weights(op).shape[1:3], op.options
    steps = (o.strideH, o.strideW)
    batch, _, _, channels = data.shape
    sizes, places = [], []
    for axis in (0, 1):
        size, out = data.shape[1 + axis], op.outputs[0].shape[1 + axis]
        total = max((size - 1) * steps[axis] + kernel[axis] - out, 0) if o.padding == _SAME else 0
        sizes.append(out + kernel[axis] - 1)
        places.append(kernel[axis] - 1 - total // 2 + np.arange(size) * steps[axis])
    wide = np.zeros((batch, *sizes, channels), data.dtype)
    inside = [p[(p >= 0) & (p < s)] for p, s in zip(places, sizes, strict=True)]
    kept = [np.flatnonzero((p >= 0) & (p < s)) for p, s in zip(places, sizes, strict=True)]
    wide[:, inside[0][:, None], inside[1]] = data[:, kept[0][:, None], kept[1]]
    return wide


def _weights(op: Op) -> Tensor:
    tensor = weights_of(op)
    if tensor is None:
        raise ModelError(f"Operator {op.label} '{op.name}' has no weights.")
    return tensor


def _data(op: Op) -> Tensor:
    tensor = activation_of(op)
    if tensor is None:
        raise ModelError(f"Operator {op.label} '{op.name}' has no data input.")
    return tensor
