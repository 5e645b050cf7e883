"""Operators of one operand that are a curve, read off a table: LOGISTIC, TANH, ELU, EXP, LOG, GELU."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.quantized import scale_of, zero_point_of
from edgekit.codegen.kernels.table import table_call
from edgekit.codegen.kernels.typed import same_type, source_of, unsupported
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

F = np.float32
Curve = Callable[[float], float]
_BIG = float(np.finfo(np.float32).max)
# TFLite's table of logistic(i / 24) with 16 bits of fraction is the rounded value, but here, where it is one more
# (tensorflow/lite/kernels/internal/common.h, sigmoid_table_uint16).
_ONE_MORE = frozenset({
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45, 46, 49,
    50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
})  # fmt: skip


def lower_curve(op: Op, settings: Settings) -> Call:
    """int8: all 256 results. int16: 513 of them and straight lines between; LOGISTIC and TANH have a table of their
    own."""
    source, output = source_of(op), op.outputs[0]
    same_type(op, (source, output), DType.INT8, DType.INT16)
    if op.kind == "LOGISTIC" and scale_of(output) != 1 / (256 if source.dtype is DType.INT8 else 32768):
        raise ModelError(f"LOGISTIC '{op.name}' has an output scale that its arithmetic does not have.")
    curve = _curve(op, output)
    if source.dtype is DType.INT8:
        return table_call(op, lambda stored: _result(curve, source, output, stored))
    if op.kind in ("LOGISTIC", "TANH"):
        return _sigmoid(op, source, output)
    if op.kind in ("EXP", "LOG"):
        return curve_call(op, curve)
    raise unsupported(op, source)


def curve_call(op: Op, curve: Curve) -> Call:
    """An int16 curve by 513 points of it."""
    source, output = source_of(op), op.outputs[0]
    fields: dict[str, Field] = {"count": output.size, "table": Constant(points_of(curve, source, output))}
    return Call(op, "ek_curve_s16", "ek_curve_s16.h", fields, (source,), (output,), ahead=(0,))


def _curve(op: Op, output: Tensor) -> Curve:
    """In float32, as TFLite's kernels compute them."""
    least = float(F((output.dtype.integer_range or (0, 0))[0] - zero_point_of(output)) * F(scale_of(output)))
    curves: dict[str, Curve] = {
        "LOGISTIC": lambda x: float(F(1) / (F(1) + F(_exp(-x)))),
        "TANH": lambda x: float(F(math.tanh(x))),
        "ELU": lambda x: float(F(math.expm1(x))) if x < 0 else x,
        "EXP": lambda x: float(F(_exp(x))),
        "LOG": lambda x: float(F(math.log(x))) if x > 0 else least,
        "GELU": _tanh_gelu if op.kind == "GELU" and op.options.approximate else _gelu,
    }
    return curves[op.kind]


def _exp(x: float) -> float:
    return min(math.exp(min(x, 700.0)), _BIG)


def _gelu(x: float) -> float:
    return float(F(0.5) * F(x) * (F(1) + F(math.erf(float(F(x) * F(math.sqrt(0.5)))))))


def _tanh_gelu(x: float) -> float:
    inner = F(math.sqrt(2 / math.pi)) * (F(x) + F(0.044715) * F(x) * F(x) * F(x))
    return float(F(0.5) * F(x) * (F(1) + F(math.tanh(float(inner)))))


def _result(curve: Curve, source: Tensor, output: Tensor, stored: int) -> int:
    """As LUTPopulateInt8 of tensorflow/lite/kernels/internal/common.h: every step in float32."""
    real = F(scale_of(source)) * F(stored - zero_point_of(source))
    with np.errstate(over="ignore"):
        scaled = F(curve(float(real))) * (F(1) / F(scale_of(output)))
    # What is beyond int32 is beyond int8 too.
    return int(F(_round(np.clip(scaled, F(-(2.0**31)), F(2.0**31)))) + F(zero_point_of(output)))


def _round(value: np.floating | float) -> float:
    real = float(value)
    return math.copysign(math.floor(abs(real) + 0.5), real) if math.isfinite(real) else real


def points_of(curve: Curve, source: Tensor, output: Tensor) -> NDArray[np.int16]:
    """513 points of an int16 curve, as LUTPopulateInt16 of tensorflow/lite/kernels/internal/common.h: every step in
    float32."""
    scale, zero_point = F(scale_of(source)), zero_point_of(source)
    low, high = scale * F(-32768 - zero_point), scale * F(32767 - zero_point)
    out_scale, out_zero_point = F(scale_of(output)), zero_point_of(output)
    span = out_scale * F(32767 - out_zero_point) - out_scale * F(-32768 - out_zero_point)
    with np.errstate(over="ignore", invalid="ignore"):
        return points(lambda x: F(curve(float(x))), (low, high), F(65536) / span)


def points(
    curve: Callable[[np.floating], np.floating], ends: tuple[np.floating, np.floating], factor: np.floating
) -> NDArray[np.int16]:
    """Points of a curve from ends[0] to ends[1], moved by half of the error that a straight line has in its middle."""
    low, high = ends
    one = type(factor)
    step = (high - low) / one(512)
    table = []
    for i in range(512):
        here, there = curve(low + one(i) * step), curve(low + one(i + 1) * step)
        middle = one(_round(curve(low + one(i) * step + step / one(2)) * factor))
        sample = one(_round(here * factor))
        error = one(_round((there * factor + sample) / one(2))) - middle
        table.append(float(sample - one(_round(error / one(2)))))
    table.append(_round(curve(high) * factor))
    if not np.isfinite(table).all():
        raise ValueError("results beyond float32")
    return np.clip(table, -32768, 32767).astype(np.int16)


def _sigmoid(op: Op, source: Tensor, output: Tensor) -> Call:
    if zero_point_of(source) or zero_point_of(output) or scale_of(output) != 1 / 32768:
        raise ModelError(
            f"{op.kind} '{op.name}' has an output scale or a zero point that its arithmetic does not have."
        )
    multiplier, shift = _sigmoid_scale(op, scale_of(source))
    table = [round(65536 / (1 + math.exp(-i / 24))) + (i in _ONE_MORE) for i in range(256)]
    fields: dict[str, Field] = {
        "count": output.size,
        "multiplier": multiplier,
        "half": (1 << shift) >> 1,
        "shift": shift,
        "table": Constant(np.array(table, np.uint16)),
    }
    return Call(op, f"ek_{op.kind.lower()}_s16", "ek_curve_s16.h", fields, (source,), (output,), ahead=(0,))


def _sigmoid_scale(op: Op, scale: float) -> tuple[int, int]:
    """To 1/12288, as SigmoidPrepare and TanhPrepare of tensorflow/lite/kernels/activations.cc."""
    exponent = math.log2(scale)
    left = 12 + round(exponent)
    if abs(exponent - round(exponent)) < 1e-3 and left in ((0,) if op.kind == "LOGISTIC" else (0, 1)):
        return 3 << left, 0
    multiplier, shift = scale * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    if multiplier > 65535:
        raise ModelError(f"{op.kind} '{op.name}' has an input scale too large for its arithmetic.")
    return int(multiplier), shift
