"""CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV on float32."""

from __future__ import annotations

from edgekit.codegen.call import Call, Settings
from edgekit.codegen.kernels.linear_f32 import FloatLayer, float_layer_of
from edgekit.codegen.kernels.patches import Patches
from edgekit.codegen.kernels.transposed import transposed_of
from edgekit.codegen.kernels.window import Window, window_of
from edgekit.graph.model import Op


def lower_conv_f32(op: Op, settings: Settings) -> Call:
    """Weights as in the file, (output channel, row, column, input channel)."""
    layer = float_layer_of(op, channel_axis=0)
    patches = Patches(layer.source, layer.output, _window(op, layer), layer.source.shape[3] // layer.weights.shape[3])
    return patches.call(op, "ek_conv_f32", "ek_conv_f32.h", {"size": patches.size, **layer.fields()})


def lower_depthwise_f32(op: Op, settings: Settings) -> Call:
    """Weights as in the file, (row, column, output channel)."""
    layer = float_layer_of(op, channel_axis=3)
    multiplier = layer.output.shape[3] // layer.source.shape[3]
    patches = Patches(layer.source, layer.output, _window(op, layer), multiplier, is_depthwise=True)
    return patches.call(op, "ek_depthwise_f32", "ek_depthwise_f32.h", layer.fields())


def _window(op: Op, layer: FloatLayer) -> Window:
    return window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))


def lower_transpose_conv_f32(op: Op, settings: Settings) -> Call:
    """Weights as in the file, (output channel, row, column, input channel)."""
    layer = float_layer_of(op, channel_axis=0)
    shape = transposed_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    return Call(
        op,
        "ek_transpose_conv_f32",
        "ek_transpose_conv_f32.h",
        {**shape.fields(), **layer.fields()},
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(shape.ahead(),),
        own=True,
        macs=shape.macs,
    )
