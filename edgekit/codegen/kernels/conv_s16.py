"""CONV_2D and DEPTHWISE_CONV_2D on int16 activations and int8 weights."""

from __future__ import annotations

from edgekit.codegen.call import Build, Call, Constant, Settings
from edgekit.codegen.kernels.linear_s16 import STEP_DSP, in_order_dsp, linear_s16_of, wide_scale
from edgekit.codegen.kernels.patches import Patches
from edgekit.codegen.kernels.window import window_of
from edgekit.graph.model import Op


def lower_conv_s16(op: Op, settings: Settings) -> Call:
    """One scale a channel; weights as in the file, (output channel, row, column, input channel)."""
    layer = linear_s16_of(op, channel_axis=0)
    window = window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    groups = layer.source.shape[3] // layer.weights.shape[3]
    is_dsp = settings.build is not Build.PORTABLE
    patches = Patches(layer.source, layer.output, window, groups, step=STEP_DSP if is_dsp else 1)
    weights = in_order_dsp(layer.rows) if is_dsp else layer.weights
    fields = {"size": patches.size, "weights": Constant(weights), **wide_scale(op, layer)}
    return patches.call(op, "ek_conv_s16_dsp" if is_dsp else "ek_conv_s16", "ek_conv_s16.h", fields)


def lower_depthwise_s16(op: Op, settings: Settings) -> Call:
    """One scale a channel; weights as in the file, (row, column, output channel)."""
    layer = linear_s16_of(op, channel_axis=3)
    window = window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    multiplier = layer.output.shape[3] // layer.source.shape[3]
    patches = Patches(layer.source, layer.output, window, multiplier, is_depthwise=True)
    fields = {"weights": Constant(layer.weights), **wide_scale(op, layer)}
    return patches.call(op, "ek_depthwise_s16", "ek_depthwise_s16.h", fields)
