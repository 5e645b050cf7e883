"""What layers of int16 activations and int8 weights share: sums of 64 bits, and the way from them to outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Build, Constant
from edgekit.codegen.kernels.linear import Linear, linear_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op
from edgekit.graph.ops import activation_of, bias_of
from edgekit.graph.types import DType

_STEP_DSP = 4
_MAX_SHIFT = 7


def is_s16(op: Op) -> bool:
    """Whether the activation is int16."""
    source = activation_of(op)
    return source is not None and source.dtype is DType.INT16


def linear_s16_of(op: Op, channel_axis: int) -> Linear:
    """The numbers of a layer of int16 by int8. Raises ModelError where a zero point is not 0, or weights not int8."""
    layer = linear_of(op, channel_axis)
    if layer.input_zero_point or layer.output_zero_point:
        raise ModelError(f"{op.label} '{op.name}' is int16 with a zero point that is not 0; its arithmetic has none.")
    if layer.output.dtype is not DType.INT16:
        raise ModelError(
            f"{op.label} '{op.name}' reads int16 and writes {layer.output.dtype.label}: no C is generated."
        )
    return layer


def wide_scale(op: Op, layer: Linear) -> dict[str, int | Constant]:
    """The members of `ek_wide_scale` (ek_wide.h): bias, and from a sum to an output.

    As MultiplyByQuantizedMultiplier of tensorflow/lite/kernels/internal/common.cc on int64: the multiplier is cut to
    15 bits. With the option quantized_bias_type INT32 sums have 32 bits and are rounded twice.
    """
    mantissas, shifts, is_wide = layer.mantissas, layer.shifts, _has_wide_sums(op)
    if is_wide:
        if int(shifts.max(initial=0)) > _MAX_SHIFT:
            raise ModelError(f"{op.label} '{op.name}' scales its sums up by more than 2^{_MAX_SHIFT}: they overflow.")
        cut = (mantissas.astype(np.int64) + (1 << 15)) >> 16
        mantissas, shifts = np.minimum(cut, 0x7FFF).astype(np.int32), 15 - shifts
    return {
        "scale.rounds_once": int(is_wide),
        "scale.bias": Constant(wide_bias(op, len(layer.bias)), align=8),
        "scale.mantissas": Constant(mantissas),
        "scale.shifts": Constant(shifts.astype(np.int8), align=1),
        "scale.low": layer.low,
        "scale.high": layer.high,
    }


def _has_wide_sums(op: Op) -> bool:
    """Operators from before that option have sums of 64 bits."""
    return int(getattr(op.options, "quantizedBiasType", 0)) != DType.INT32.value


@dataclass(frozen=True, slots=True, eq=False)
class WideRows:
    """Rows of weights in the order in which a build multiplies them.

    Attributes:
        way: a member of `ek_wide_way` (ek_wide.h).
        weights: int8 (outputs, size).
        step: `size` is a multiple of this.
    """

    way: Build
    weights: NDArray[np.int8]
    step: int = 1

    @property
    def suffix(self) -> str:
        """Of the function that takes them."""
        return "" if self.way is Build.PORTABLE else f"_{self.way.value}"

    @property
    def constant(self) -> str:
        """The enumeration constant in C."""
        return "EK_WIDE_PLAIN" if self.way is Build.PORTABLE else f"EK_WIDE_{self.way.name}"


def wide_rows(rows: NDArray[np.int8], build: Build) -> WideRows:
    """For DSP, padded with zeros, as ek_wide_dot_two_dsp (ek_wide.h) takes them; else as they are.

    >>> wide_rows(np.array([[1, 2, 3, 4, 5]], np.int8), Build.DSP).weights.tolist()
    [[1, 3, 2, 4, 5, 0, 0, 0]]
    """
    if build is not Build.DSP:
        return WideRows(build, rows)
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % _STEP_DSP)))
    fours = padded.reshape(len(rows), -1, _STEP_DSP)[:, :, [0, 2, 1, 3]]
    return WideRows(build, np.ascontiguousarray(fours.reshape(padded.shape)), _STEP_DSP)


def wide_bias(op: Op, channels: int) -> NDArray[np.int64]:
    """The layer's bias, zeros where it has none."""
    bias = bias_of(op)
    if bias is None or bias.data is None:
        return np.zeros(channels, np.int64)
    return np.asarray(bias.data, np.int64).reshape(-1)
