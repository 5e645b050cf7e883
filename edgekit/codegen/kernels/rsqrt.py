"""RSQRT, and NEG on int8."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Settings
from edgekit.codegen.kernels.curves import curve_call
from edgekit.codegen.kernels.fixed_point import inverse_square_root, requantize
from edgekit.codegen.kernels.quantized import Multiplier, multiplier_of, scale_of, zero_point_of
from edgekit.codegen.kernels.table import table_call
from edgekit.codegen.kernels.typed import same_type, source_of
from edgekit.graph.model import Op
from edgekit.graph.types import DType

_FRACTION_BITS = 20


def lower_rsqrt(op: Op, settings: Settings) -> Call:
    """1 / sqrt(x): tensorflow/lite/kernels/elementwise.cc, which stops at negative values; here they give the
    greatest."""
    source, output = source_of(op), op.outputs[0]
    if same_type(op, (source, output), DType.INT8, DType.INT16) == "s16":
        most = float(np.float32(32767) * np.float32(scale_of(output)))
        return curve_call(op, lambda x: float(np.float32(1) / np.sqrt(np.float32(x))) if x > 0 else most)
    scale = multiplier_of(1.0 / float(np.sqrt(np.float32(scale_of(source))) * np.float32(scale_of(output))))

    def result(stored: int) -> int:
        x = stored - zero_point_of(source)
        if x <= 0:
            return 127
        root = inverse_square_root(x)
        fine = requantize(1, Multiplier(root.mantissa, root.shift + _FRACTION_BITS))
        return requantize(fine, Multiplier(scale.mantissa, scale.shift - _FRACTION_BITS)) + zero_point_of(output)

    return table_call(op, result)


def lower_neg(op: Op, settings: Settings) -> Call:
    """The stored value's opposite, whatever its zero point, and the least value's is itself: as TFLite computes it."""
    same_type(op, (source_of(op), op.outputs[0]), DType.INT8)
    return table_call(op, lambda stored: -stored if stored != -128 else -128)
