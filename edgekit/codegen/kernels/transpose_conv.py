"""TRANSPOSE_CONV on int8, and on int16 activations with int8 weights."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.conv import per_channel
from edgekit.codegen.kernels.linear import Linear, linear_of
from edgekit.codegen.kernels.linear_s16 import linear_s16_of, wide_scale
from edgekit.codegen.kernels.transposed import transposed_of
from edgekit.graph.model import Op
from edgekit.graph.ops import bias_of


def lower_transpose_conv(op: Op, settings: Settings) -> Call:
    """int8, one scale a channel. Its padding takes part in no sum, so the bias stays as the file has it."""
    layer = linear_of(op, channel_axis=0)
    bias = bias_of(op)
    values = np.zeros(len(layer.bias), np.int32) if bias is None or bias.data is None else bias.data
    return _call(op, layer, "ek_transpose_conv_s8", {**per_channel(layer), "bias": Constant(values)})


def lower_transpose_conv_s16(op: Op, settings: Settings) -> Call:
    """int16 by int8, one scale a channel."""
    layer = linear_s16_of(op, channel_axis=0)
    return _call(op, layer, "ek_transpose_conv_s16", wide_scale(op, layer))


def _call(op: Op, layer: Linear, function: str, scale: dict[str, int | Constant]) -> Call:
    shape = transposed_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    fields: dict[str, Field] = {**shape.fields(), "weights": Constant(layer.weights), **scale}
    return Call(
        op,
        function,
        f"{function}.h",
        fields,
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(shape.ahead(),),
        own=True,
        macs=shape.macs,
    )
