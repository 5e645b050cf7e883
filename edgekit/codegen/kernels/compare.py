"""MAXIMUM, MINIMUM, comparisons and logic."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.binary import Operands, binary_call, operands_of
from edgekit.codegen.kernels.quantized import multiplier_of, scale_of, zero_point_of
from edgekit.codegen.kernels.typed import same_type, source_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

_HEADER = "ek_compare.h"
_LESS, _EQUAL, _GREATER = 1, 2, 4
_WHEN = {
    "EQUAL": _EQUAL, "NOT_EQUAL": _LESS | _GREATER, "LESS": _LESS, "LESS_EQUAL": _LESS | _EQUAL,
    "GREATER": _GREATER, "GREATER_EQUAL": _GREATER | _EQUAL,
}  # fmt: skip
_SWAPPED = {_LESS: _GREATER, _GREATER: _LESS, _LESS | _EQUAL: _GREATER | _EQUAL, _GREATER | _EQUAL: _LESS | _EQUAL}


def lower_choice(op: Op, settings: Settings) -> Call:
    """MAXIMUM and MINIMUM of stored values, which have one scale."""
    operands = operands_of(op)
    suffix = same_type(op, (operands.a, operands.b, op.outputs[0]), DType.INT8, DType.INT16, DType.INT32)
    return binary_call(op, f"ek_{op.kind.lower()}_{suffix}", _HEADER, operands, {})


def lower_logic(op: Op, settings: Settings) -> Call:
    """LOGICAL_AND and LOGICAL_OR."""
    operands = operands_of(op)
    same_type(op, (operands.a, operands.b), DType.BOOL)
    return binary_call(op, f"ek_{op.kind.lower()}_b8", _HEADER, operands, {})


def lower_not(op: Op, settings: Settings) -> Call:
    """LOGICAL_NOT: equal to false."""
    source = source_of(op)
    same_type(op, (source,), DType.BOOL)
    false = Tensor("false", (1,), DType.BOOL)
    false.set_data(np.array([False]))
    return binary_call(op, "ek_compare_b8", _HEADER, Operands(source, false, False), {"when": _EQUAL})


def lower_compare(op: Op, settings: Settings) -> Call:
    """The six comparisons, of int8 and int16 by the reals that they stand for."""
    operands = operands_of(op)
    a, b = operands.a, operands.b
    suffix = same_type(op, (a, b), DType.INT8, DType.INT16, DType.INT32, DType.BOOL)
    when = _WHEN[op.kind]
    when = _SWAPPED.get(when, when) if operands.swapped else when
    if a.dtype is DType.INT8 or (a.dtype is DType.INT16 and a.is_quantized and op.kind in ("EQUAL", "NOT_EQUAL")):
        fields: dict[str, Field] = {"when": when, **_scaled("a", a, op), **_scaled("b", b, op)}
        return binary_call(op, f"ek_compare_scaled_{suffix}", _HEADER, operands, fields)
    return binary_call(op, f"ek_compare_{suffix}", _HEADER, operands, {"when": when})


def _scaled(name: str, tensor: Tensor, op: Op) -> dict[str, Field]:
    multiplier = multiplier_of(scale_of(tensor))
    if multiplier.shift > 0:
        raise ModelError(f"{op.label} '{op.name}' compares '{tensor.name}', whose scale is 1 or more; C has no way.")
    return {
        f"{name}_zero_point": zero_point_of(tensor),
        f"{name}_mantissa": multiplier.mantissa,
        f"{name}_shift": multiplier.shift,
    }
