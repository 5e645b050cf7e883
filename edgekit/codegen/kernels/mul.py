"""MUL."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.binary import binary_call, operands_of
from edgekit.codegen.kernels.quantized import multiplier_of, output_range, scale_of, zero_point_of
from edgekit.codegen.kernels.typed import same_type
from edgekit.graph.model import Op
from edgekit.graph.types import DType


def lower_mul(op: Op, settings: Settings) -> Call:
    """a * b with a fused activation."""
    operands = operands_of(op)
    a, b, output = operands.a, operands.b, op.outputs[0]
    suffix = same_type(op, (a, b, output), DType.INT8, DType.INT16)
    # In float32, as tensorflow/lite/kernels/mul.cc multiplies scales.
    first, second = (b, a) if operands.swapped else (a, b)
    factor = np.float32(scale_of(first)) * np.float32(scale_of(second)) / np.float32(scale_of(output))
    multiplier = multiplier_of(float(factor))
    is_down = suffix == "s8" and multiplier.shift < 0
    low, high = output_range(int(op.options.fusedActivationFunction), output)
    fields: dict[str, Field] = {
        "a_zero_point": zero_point_of(a),
        "b_zero_point": zero_point_of(b),
        "mantissa": multiplier.mantissa,
        "half": 1 << -multiplier.shift - 1 if is_down else 0,
        "shift": -multiplier.shift if is_down else multiplier.shift,
        "out_zero_point": zero_point_of(output),
        "low": low,
        "high": high,
    }
    function = "ek_mul_up_s8" if suffix == "s8" and not is_down else f"ek_mul_{suffix}"
    return binary_call(op, function, "ek_mul.h", operands, fields)
