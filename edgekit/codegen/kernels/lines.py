"""Operators of one operand that are a line, or two that meet at zero: the RELU family, LEAKY_RELU, ABS, NEG, QUANTIZE
of integers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.fixed_point import requantize
from edgekit.codegen.kernels.quantized import Multiplier, multiplier_of, scale_of, stored_of, zero_point_of
from edgekit.codegen.kernels.table import table_call
from edgekit.codegen.kernels.typed import SUFFIXES, same_type, shifted, source_of, unsupported
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

_LIMITS = {
    "RELU": (0.0, math.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0),
}  # fmt: skip
_WIDE = {
    (DType.INT16, DType.INT8), (DType.INT16, DType.INT16), (DType.INT16, DType.INT32),
    (DType.INT32, DType.INT8), (DType.INT32, DType.INT16),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """`positive` scales what is not negative, `negative` the rest: after its sign is turned where `before` is -1, and
    turned once more where `after` is -1. The result lies from low to high."""

    positive: Multiplier
    negative: Multiplier
    before: int
    after: int
    low: int
    high: int


def lower_relu(op: Op, settings: Settings) -> Call:
    """Stored values between two limits, on the output's scale."""
    source, output = source_of(op), op.outputs[0]
    same_type(op, (source, output), DType.INT8, DType.INT16)
    low, high = output.dtype.integer_range or (0, 0)
    below, above = _LIMITS[op.kind]
    low = max(low, stored_of(below, output))
    high = high if above == math.inf else min(high, stored_of(above, output))
    scale = multiplier_of(float(np.float32(scale_of(source)) / np.float32(scale_of(output))))
    return _line_call(op, Line(scale, scale, 1, 1, low, high))


def lower_leaky_relu(op: Op, settings: Settings) -> Call:
    """Another slope, perhaps a falling one, for negative values."""
    source, output = source_of(op), op.outputs[0]
    same_type(op, (source, output), DType.INT8, DType.INT16)
    # In float32, as tensorflow/lite/kernels/activations.cc computes them.
    scale, alpha = np.float32(scale_of(source)), np.float32(op.options.alpha)
    slope = float(scale * alpha / np.float32(scale_of(output)))
    identity = multiplier_of(float(scale / np.float32(scale_of(output))))
    low, high = output.dtype.integer_range or (0, 0)
    return _line_call(op, Line(identity, multiplier_of(abs(slope)), 1, 1 if slope >= 0 else -1, low, high))


def lower_abs(op: Op, settings: Settings) -> Call:
    """Magnitudes."""
    source, output = source_of(op), op.outputs[0]
    same_type(op, (source, output), DType.INT8, DType.INT16)
    scale = multiplier_of(float(np.float32(scale_of(source)) / np.float32(scale_of(output))))
    low, high = output.dtype.integer_range or (0, 0)
    return _line_call(op, Line(scale, scale, -1, 1, low, high))


def lower_requantize(op: Op, settings: Settings) -> Call:
    """From one scale to another, and from one integer type to another."""
    source, output = source_of(op), op.outputs[0]
    scale = multiplier_of(scale_of(source) / scale_of(output))
    low, high = output.dtype.integer_range or (0, 0)
    return _line_call(op, Line(scale, scale, 1, 1, low, high))


def _line_call(op: Op, line: Line) -> Call:
    source, output = source_of(op), op.outputs[0]
    if source.dtype.bits == 8:
        return table_call(op, lambda stored: _result(line, source, output, stored))
    if (source.dtype, output.dtype) not in _WIDE:
        raise unsupported(op, source)
    fields: dict[str, Field] = {
        "count": output.size,
        "in_zero_point": zero_point_of(source),
        "out_zero_point": zero_point_of(output),
        "low": line.low,
        "high": line.high,
        "positive_mantissa": line.positive.mantissa,
        "positive_shift": line.positive.shift,
        "negative_before": line.before,
        "negative_mantissa": line.negative.mantissa,
        "negative_shift": line.negative.shift,
        "negative_after": line.after,
    }
    function = f"ek_rescale_{SUFFIXES[source.dtype]}_{SUFFIXES[output.dtype]}"
    ahead = (shifted(source, output),)
    return Call(op, function, "ek_rescale.h", fields, (source,), (output,), ahead=ahead)


def _result(line: Line, source: Tensor, output: Tensor, stored: int) -> int:
    x = stored - zero_point_of(source)
    y = requantize(x, line.positive) if x >= 0 else line.after * requantize(x * line.before, line.negative)
    return min(max(y + zero_point_of(output), line.low), line.high)
