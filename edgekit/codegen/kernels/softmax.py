"""SOFTMAX."""

from __future__ import annotations

import math

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.curves import points
from edgekit.codegen.kernels.fixed_point import exp_of_negative, high_mul
from edgekit.codegen.kernels.quantized import multiplier_of, scale_of
from edgekit.codegen.kernels.typed import same_type, source_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

_INTEGER_BITS = 5
"""Of the argument of the exponential: tensorflow/lite/kernels/internal/reference/softmax.h, kScaledDiffIntegerBits."""


def lower_softmax(op: Op, settings: Settings) -> Call:
    """Along the last axis, in place."""
    source, output = source_of(op), op.outputs[0]
    if same_type(op, (source, output), DType.INT8, DType.INT16) == "s16":
        return _wide(op, source, output)
    table = exponentials(float(op.options.beta), scale_of(source), op)
    depth = source.shape[-1]
    fields: dict[str, Field] = {
        "rows": source.size // depth,
        "depth": depth,
        "reach": len(table),
        "exponentials": Constant(np.array(table, np.int32)),
    }
    return Call(op, "ek_softmax_s8", "ek_softmax_s8.h", fields, (source,), (output,), ahead=(0,))


def exponentials(beta: float, scale: float, op: Op) -> list[int]:
    """e^(-beta * scale * distance) with 31 bits of fraction for each distance that counts.

    As PreprocessSoftmaxScaling and CalculateInputRadius of tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    factor = min(beta * scale * (1 << (31 - _INTEGER_BITS)), 2.0**31 - 1.0)
    if factor <= 1.0:
        raise ModelError(f"SOFTMAX '{op.name}' has an input whose scale is so small that all values are the same.")
    multiplier = multiplier_of(factor)
    radius = ((1 << _INTEGER_BITS) - 1) * (1 << (31 - _INTEGER_BITS)) / (1 << multiplier.shift)
    reach = min(256, math.floor(radius) + 1)
    return [exp_of_negative(high_mul(-d << multiplier.shift, multiplier.mantissa)) for d in range(reach)]


def _wide(op: Op, source: Tensor, output: Tensor) -> Call:
    """As SoftmaxPrepare of tensorflow/lite/kernels/activations.cc: tables from float64 arithmetic."""
    depth = source.shape[-1]
    # The product is one of float32 numbers.
    scale = float(np.float32(scale_of(source)) * np.float32(op.options.beta)) / (10.0 / 65535.0)
    multiplier = multiplier_of(scale)
    one = np.float64
    factor = one(65536) / (one(32767) * one(2.0 / 65535) - one(-32768) * one(2.0 / 65535))
    fields: dict[str, Field] = {
        "rows": source.size // depth,
        "depth": depth,
        "mantissa": multiplier.mantissa,
        "shift": multiplier.shift,
        "exponentials": Constant(points(np.exp, (one(10.0 / 65535) * one(-65535), one(0)), factor)),
        "reciprocals": Constant(
            points(lambda x: one(1) / (one(1) + x), (one(0), one(1.0 / 65535) * one(65535)), factor)
        ),
    }
    return Call(op, "ek_softmax_s16", "ek_softmax_s16.h", fields, (source,), (output,), ahead=(0,))
