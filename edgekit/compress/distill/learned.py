"""Constants and scales as TensorFlow variables, on the grid that the kernels compute on, and back as stored values.

A constant is `start + unit * change`, where `change` begins at zero: nothing learnt gives the same bytes back, and one
step of the optimizer is as long, against what is usual in its channel, for every constant.

Source of the fake quantization and its gradients: Esser et al., "Learned Step Size Quantization" (ICLR 2020); of the
grids: the TensorFlow Lite 8-bit quantization specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.distill.parameters import Parameter, Role
from edgekit.graph.model import Tensor
from edgekit.graph.types import DType
from edgekit.runtime.affine import dequantize, integer_range

Floats = npt.NDArray[np.float32]

_MANY_ZEROS = 0.2
"""Where so large a part of a layer's weights is exactly zero, that is a pattern, and zeros stay."""


def round_through(tf: Any, value: Any) -> Any:
    """Round ties to even, with the gradient of the identity (straight through)."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def rounded(x: Any) -> Any:
        return tf.round(x), lambda gradient: gradient

    return rounded(value)


def on_grid(tf: Any, value: Any, scale: Any, low: Any, high: Any) -> Any:
    """The reals that `value` becomes on the integers `low` to `high`, which are counted from the zero point."""
    return round_through(tf, tf.clip_by_value(value / scale, low, high)) * scale


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Integers low..high, counted from the zero point, times `scale`, shaped so that it broadcasts.

    `step` (log of how much the scale has grown) is a variable, or None where the scale stays.
    """

    scale: Floats
    low: float
    high: float
    step: Any = None

    def scaled(self, tf: Any) -> Any:
        """The scale at the moment."""
        return self.scale if self.step is None else self.scale * tf.exp(self.step)

    def apply(self, tf: Any, value: Any) -> Any:
        """`value` as the integers stand for it."""
        return on_grid(tf, value, self.scaled(tf), self.low, self.high)


def grid_of(tensor: Tensor, step: Any = None) -> Grid | None:
    """The grid of a quantized activation; None for one that is not quantized."""
    q = tensor.quantization
    if q is None or not q.scale.size or not tensor.dtype.is_integer:
        return None
    low, high = tensor.dtype.integer_range or (0, 0)
    zero = int(q.zero_point[0]) if q.zero_point.size else 0
    return Grid(q.scale.astype(np.float32).reshape(-1)[0], low - zero, high - zero, step)


class Learned:
    """One constant that learns.

    Args:
        tf: TensorFlow.
        parameter: which one.
        unit: length of a step; broadcasts against the tensor.
        scales: whether the scales of its grid learn too.
    """

    def __init__(self, tf: Any, parameter: Parameter, unit: Floats, scales: bool) -> None:
        tensor = parameter.tensor
        self.parameter = parameter
        start = real_values(tensor)
        zeros = start == 0
        keep = parameter.role is Role.WEIGHTS and bool(zeros.mean() > _MANY_ZEROS)
        self._tf = tf
        self._start, self._unit = tf.constant(start), tf.constant(unit)  # traced functions refer to them
        self._alive = tf.constant((~zeros).astype(np.float32)) if keep else None
        self.change = tf.Variable(tf.zeros_like(self._start))
        own = scales and parameter.role is not Role.TABLE  # what is looked up stands on the table's grid
        self._grid = None if parameter.role is Role.BIAS else _weight_grid(tf, tensor, own)
        self.variables = [self.change]
        if self._grid is not None and self._grid.step is not None:
            self.variables.append(self._grid.step)

    def latent(self) -> Any:
        """The value before rounding."""
        moved = self._unit * self.change
        return self._start + (moved if self._alive is None else moved * self._alive)

    def value(self) -> Any:
        """The value that the kernels compute with."""
        return self.latent() if self._grid is None else self._grid.apply(self._tf, self.latent())

    def relative(self) -> Any:
        """The value in units: what decay makes smaller."""
        return self.latent() / self._unit

    def scale(self) -> Floats | None:
        """The learnt scales as the file has them, one a channel or one; None where they stay."""
        if self._grid is None or self._grid.step is None:
            return None
        return np.asarray(self._grid.scaled(self._tf), np.float32).reshape(-1)

    def real(self) -> Floats:
        """The value before rounding, as an array."""
        return np.asarray(self.latent(), np.float32)


def real_values(tensor: Tensor) -> Floats:
    """A constant's real values."""
    data, q = tensor.data, tensor.quantization
    assert data is not None
    if q is None or not q.scale.size or not tensor.dtype.is_integer:
        return np.array(data, np.float32)
    return dequantize(data, q.scale, q.zero_point, axis=q.axis)


def _weight_grid(tf: Any, tensor: Tensor, scales: bool) -> Grid | None:
    q = tensor.quantization
    if q is None or not q.scale.size or not tensor.dtype.is_integer:
        return None
    shape = [1] * len(tensor.shape)
    if q.scale.size > 1:
        shape[q.axis] = q.scale.size
    low, high = weight_range(tensor)
    step = tf.Variable(np.zeros(shape, np.float32)) if scales else None
    return Grid(q.scale.astype(np.float32).reshape(shape), low, high, step)


def weight_range(tensor: Tensor) -> tuple[int, int]:
    """Symmetric integers of the type, one more below where the tensor uses it. Constants have the zero point 0."""
    bits = 4 if tensor.dtype is DType.INT4 else None
    low, high = integer_range(tensor.dtype.numpy, bits)
    data, q = tensor.data, tensor.quantization
    assert data is not None and q is not None
    if q.zero_point.any():
        zero = int(q.zero_point[0])
        return low - zero, high - zero
    return max(low, min(-high, int(data.min()))), high


def unit_of(parameter: Parameter, spread: float) -> Floats:
    """How long a step is: a channel's root mean square for weights, `spread` of the outputs for what is added."""
    values = real_values(parameter.tensor)
    if parameter.role is Role.BIAS or (parameter.role is Role.FACTOR and parameter.op.kind in ("ADD", "SUB")):
        return np.float32(max(spread, 1e-6)) * np.ones((1,) * values.ndim, np.float32)
    axes = tuple(a for a in range(values.ndim) if a != parameter.axis)
    size = np.sqrt(np.mean(np.square(values), axis=axes, keepdims=True))
    return np.asarray(np.maximum(size, 0.1 * size.mean() + 1e-8), np.float32)
