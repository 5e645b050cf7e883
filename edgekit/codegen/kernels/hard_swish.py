"""HARD_SWISH on int8."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Settings
from edgekit.codegen.kernels.fixed_point import shift_right
from edgekit.codegen.kernels.quantized import Multiplier, multiplier_of, scale_of, zero_point_of
from edgekit.codegen.kernels.table import table_call
from edgekit.codegen.kernels.typed import same_type, source_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op
from edgekit.graph.types import DType

_LOW, _HIGH = -(1 << 15), (1 << 15) - 1


def lower_hard_swish(op: Op, settings: Settings) -> Call:
    """x * relu6(x + 3) / 6 in 16-bit fixed point: tensorflow/lite/kernels/internal/reference/hard_swish.h."""
    source, output = source_of(op), op.outputs[0]
    same_type(op, (source, output), DType.INT8)
    fine = np.float32(1 / 128) * np.float32(scale_of(source))
    to_output = multiplier_of(float(fine / np.float32(scale_of(output))))
    to_gate = multiplier_of(float(fine / np.float32(3 / 32768)))
    if to_output.shift > 0:
        raise ModelError(f"HARD_SWISH '{op.name}' has an output scale too fine for its 16-bit arithmetic.")
    zero_point = zero_point_of(source)

    def result(stored: int) -> int:
        value = (stored - zero_point) << 7
        scaled = _high_mul(value, _short(to_output))
        gate = (_gate(value, to_gate) + (1 << 15)) >> 1
        product = abs(gate * scaled) >> 15
        return shift_right(product if gate * scaled >= 0 else -product, -to_output.shift) + zero_point_of(output)

    return table_call(op, result)


def _gate(value: int, multiplier: Multiplier) -> int:
    """value / 3 with 15 bits of fraction, saturated."""
    shift = multiplier.shift
    if shift > 0:
        value = _saturated(value << (shift - 1))
    value = _high_mul(value, _short(multiplier))
    return _saturated(value << 1) if shift > 0 else shift_right(value, -shift)


def _short(multiplier: Multiplier) -> int:
    """The mantissa with 15 bits instead of 31."""
    return min((multiplier.mantissa + (1 << 15)) >> 16, _HIGH)


def _high_mul(a: int, b: int) -> int:
    return (a * b + (1 << 14)) >> 15


def _saturated(value: int) -> int:
    return min(max(value, _LOW), _HIGH)
