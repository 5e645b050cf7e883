"""ADD and SUB on int16."""

from __future__ import annotations

import math

from edgekit.codegen.call import Call, Field
from edgekit.codegen.kernels.binary import Operands, binary_call
from edgekit.codegen.kernels.quantized import multiplier_of, output_range, scale_of, zero_point_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor

_FRACTION_BITS = 15
"""Of the sum's operands: tensorflow/lite/kernels/add.cc, left_shift."""


def lower_add_s16(op: Op, operands: Operands, signs: tuple[int, int]) -> Call:
    """signs[0] * a + signs[1] * b; where all scales are powers of two and the options say so, by shifts alone."""
    tensors = (operands.a, operands.b, op.outputs[0])
    exponents = [_power_of_two(scale_of(tensor)) for tensor in tensors]
    if bool(op.options.potScaleInt16) and None not in exponents and not any(zero_point_of(t) for t in tensors):
        return _shifted(op, operands, signs, [exponent or 0 for exponent in exponents])
    return binary_call(op, "ek_add_s16", "ek_add_s16.h", operands, _fields(op, operands, signs))


def _power_of_two(scale: float) -> int | None:
    """log2 of a power of two, within CheckedLog2's 1e-3 (tensorflow/lite/kernels/internal/quantization_util.cc)."""
    exponent = math.log2(scale)
    return round(exponent) if abs(exponent - round(exponent)) < 1e-3 else None


def _shifted(op: Op, operands: Operands, signs: tuple[int, int], exponents: list[int]) -> Call:
    shifts = [exponents[2] - exponent for exponent in exponents[:2]]
    if min(shifts) != 0 or operands.a.shape != operands.b.shape:
        raise ModelError(f"{op.label} '{op.name}' has scales that its shifts alone cannot bring together.")
    low, high = output_range(int(op.options.fusedActivationFunction), op.outputs[0])
    fields: dict[str, Field] = {"a_shift": shifts[0], "a_sign": signs[0], "b_shift": shifts[1], "b_sign": signs[1]}
    return binary_call(
        op, "ek_add_shifted_s16", "ek_add_s16.h", operands, {**fields, "low": low, "high": high}
    )  # fmt: skip


def _fields(op: Op, operands: Operands, signs: tuple[int, int]) -> dict[str, Field]:
    output = op.outputs[0]
    twice = 2 * max(scale_of(operands.a), scale_of(operands.b))
    out_multiplier = multiplier_of(twice / ((1 << _FRACTION_BITS) * scale_of(output)))
    low, high = output_range(int(op.options.fusedActivationFunction), output)
    return {
        **_operand("a", operands.a, twice, signs[0]),
        **_operand("b", operands.b, twice, signs[1]),
        "out_mantissa": out_multiplier.mantissa,
        "out_shift": out_multiplier.shift,
        "out_zero_point": zero_point_of(output),
        "low": low,
        "high": high,
    }


def _operand(name: str, tensor: Tensor, twice: float, sign: int) -> dict[str, Field]:
    multiplier = multiplier_of(scale_of(tensor) / twice)
    return {
        f"{name}_zero_point": zero_point_of(tensor),
        f"{name}_mantissa": multiplier.mantissa,
        f"{name}_shift": multiplier.shift,
        f"{name}_sign": sign,
    }
