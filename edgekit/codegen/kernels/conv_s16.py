"""CONV_2D and DEPTHWISE_CONV_2D on int16 activations and int8 weights."""

from __future__ import annotations

from edgekit.codegen.call import Call, Constant, Settings
from edgekit.codegen.kernels.linear_s16 import linear_s16_of, wide_rows, wide_scale
from edgekit.codegen.kernels.patches import Patches
from edgekit.codegen.kernels.window import window_of
from edgekit.graph.model import Op


def lower_conv_s16(op: Op, settings: Settings) -> Call:
    """One scale a channel; weights as in the file, (output channel, row, column, input channel)."""
    layer = linear_s16_of(op, channel_axis=0)
    window = window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    groups = layer.source.shape[3] // layer.weights.shape[3]
    rows = wide_rows(layer.rows, settings.build)
    patches = Patches(layer.source, layer.output, window, groups, step=rows.step)
    fields = {"size": patches.size, "weights": Constant(rows.weights), **wide_scale(op, layer)}
    return patches.call(op, f"ek_conv_s16{rows.suffix}", "ek_conv_s16.h", fields)


def lower_depthwise_s16(op: Op, settings: Settings) -> Call:
    """One scale a channel; weights as in the file, (row, column, output channel)."""
    layer = linear_s16_of(op, channel_axis=3)
    window = window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    multiplier = layer.output.shape[3] // layer.source.shape[3]
    patches = Patches(layer.source, layer.output, window, multiplier, is_depthwise=True)
    fields = {"weights": Constant(layer.weights), **wide_scale(op, layer)}
    return patches.call(op, "ek_depthwise_s16", "ek_depthwise_s16.h", fields)
