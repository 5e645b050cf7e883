"""Operators of two float32 operands: arithmetic, the greater and the lesser, PRELU, comparisons."""

from __future__ import annotations

from edgekit.codegen.call import Call, Settings
from edgekit.codegen.kernels.binary import binary_call, operands_of
from edgekit.codegen.kernels.linear_f32 import fused_range
from edgekit.codegen.kernels.typed import unsupported
from edgekit.graph.model import Op
from edgekit.graph.types import DType


def lower_binary_f32(op: Op, settings: Settings) -> Call:
    """Element by element, with a fused activation."""
    operands = operands_of(op)
    for tensor in (operands.a, operands.b):
        if tensor.dtype is not DType.FLOAT32:
            raise unsupported(op, tensor)
    low, high = fused_range(op)
    fields = {"is_swapped": int(operands.swapped), "low": low, "high": high}
    return binary_call(op, f"ek_{op.kind.lower()}_f32", "ek_binary_f32.h", operands, fields)
