"""PRELU."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.binary import Operands, binary_call
from edgekit.codegen.kernels.quantized import multiplier_of, scale_of, zero_point_of
from edgekit.codegen.kernels.typed import same_type, source_of
from edgekit.graph.model import Op
from edgekit.graph.types import DType


def lower_prelu(op: Op, settings: Settings) -> Call:
    """A slope for negative values, one for all or one a channel, constant or not."""
    source, slope, output = source_of(op, 0), source_of(op, 1), op.outputs[0]
    same_type(op, (source, slope, output), DType.INT8)
    # In float32, as tensorflow/lite/kernels/activations.cc computes them.
    scale, out_scale = np.float32(scale_of(source)), np.float32(scale_of(output))
    positive = multiplier_of(float(scale / out_scale))
    negative = multiplier_of(float(scale * np.float32(scale_of(slope)) / out_scale))
    fields: dict[str, Field] = {
        "a_zero_point": zero_point_of(source),
        "b_zero_point": zero_point_of(slope),
        "positive_mantissa": positive.mantissa,
        "positive_shift": positive.shift,
        "negative_mantissa": negative.mantissa,
        "negative_shift": negative.shift,
        "out_zero_point": zero_point_of(output),
    }
    return binary_call(op, "ek_prelu_s8", "ek_prelu_s8.h", Operands(source, slope, False), fields)
