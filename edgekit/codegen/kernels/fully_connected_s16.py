"""FULLY_CONNECTED on int16 activations and int8 weights."""

from __future__ import annotations

import math

import numpy as np

from edgekit.codegen.call import Build, Call, Constant, Field, Rounding, Settings
from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.linear_s16 import linear_s16_of, wide_bias, wide_rows, wide_scale
from edgekit.codegen.kernels.quantized import scale_of, scales_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op
from edgekit.graph.ops import weights_of

_FACTOR_BITS = 53
_SHIFTS = range(2, 128)


def lower_fully_connected_s16(op: Op, settings: Settings) -> Call:
    """One scale or one an output; weights as in the file, (output, input)."""
    layer = linear_s16_of(op, channel_axis=0)
    outputs, depth = layer.weights.shape
    sizes: dict[str, Field] = {"batches": layer.source.size // depth, "depth": depth, "outputs": outputs}
    rows = wide_rows(layer.weights, settings.build)
    if rows.weights.shape[1] != depth:  # it would read behind the input
        rows = wide_rows(layer.weights, Build.PORTABLE)
    is_double = settings.rounding is Rounding.LITERT
    return Call(
        op,
        "ek_fully_connected_s16_double" if is_double else "ek_fully_connected_s16",
        "ek_fully_connected_s16.h",
        {
            **sizes,
            "rows.weights": Constant(rows.weights),
            "rows.size": depth,
            "rows.way": rows.constant,
            **(_double_scale(op, layer) if is_double else wide_scale(op, layer)),
        },
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(None,),
        macs=layer.source.size * outputs,
    )


def _double_scale(op: Op, layer: Linear) -> dict[str, Field]:
    """The factor from sums to outputs as a double has it, in the order in which
    tensorflow/lite/kernels/internal/reference/integer_ops/fully_connected.h computes it."""
    weights = weights_of(op)
    assert weights is not None
    factors = scale_of(layer.source) * scales_of(weights).astype(np.float64) / scale_of(layer.output)
    parts = [math.frexp(float(factor)) for factor in np.broadcast_to(factors, (layer.weights.shape[0],))]
    values = [int(fraction * (1 << _FACTOR_BITS)) for fraction, _ in parts]
    shifts = [_FACTOR_BITS - exponent for _, exponent in parts]
    if any(shift not in _SHIFTS for shift in shifts):
        raise ModelError(f"{op.label} '{op.name}' has scales too far apart for its arithmetic.")
    return {
        "bias": Constant(wide_bias(op, len(values)), align=8),
        "factors_high": Constant(np.array([value >> 32 for value in values], np.uint32)),
        "factors_low": Constant(np.array([value & 0xFFFFFFFF for value in values], np.uint32)),
        "shifts": Constant(np.array(shifts, np.int8), align=1),
        "low": layer.low,
        "high": layer.high,
    }
