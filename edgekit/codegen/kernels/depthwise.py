"""DEPTHWISE_CONV_2D."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Build, Call, Constant, Settings
from edgekit.codegen.kernels.conv import geometry, nibbles, per_channel, variant
from edgekit.codegen.kernels.depthwise_dsp import depthwise_dsp
from edgekit.codegen.kernels.depthwise_mve import depthwise_mve, takes_mve
from edgekit.codegen.kernels.linear import Linear, linear_of
from edgekit.codegen.kernels.window import Window, window_of
from edgekit.graph.model import Op


def lower_depthwise(op: Op, settings: Settings) -> Call:
    """int8, one scale a channel."""
    layer = linear_of(op, channel_axis=3)
    window = window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    if layer.is_packed or layer.batches > 1:
        return portable(op, layer, window)
    if settings.build is Build.MVE and takes_mve(layer):
        return depthwise_mve(op, layer, window)
    fast = None if settings.build is Build.PORTABLE else depthwise_dsp(op, layer, window, geometry(layer, window))
    return fast or portable(op, layer, window)


def portable(op: Op, layer: Linear, window: Window) -> Call:
    """Plain C: weights as in the file, (row, column, output channel), packed in this order if they are of 4 bits."""
    depth, channels = layer.source.shape[3], layer.output.shape[3]
    flat = layer.weights.reshape(-1)
    packed = Constant(nibbles(np.pad(flat, (0, flat.size % 2))), align=1)
    fields = {
        **geometry(layer, window),
        "batches": layer.batches,
        "multiplier": channels // depth,
        "weights": packed if layer.is_packed and layer.batches == 1 else Constant(layer.weights),
        **per_channel(layer),
        "bias": Constant(layer.own_bias.astype(np.int32)),
    }
    in_place = window.ahead_by_pixel(depth, channels, reads_while_writing=True)
    return Call(
        op,
        variant("ek_depthwise_s8", layer),
        "ek_depthwise_s8.h",
        fields,
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(in_place if layer.batches == 1 else None,),
        rows=window.access() if layer.batches == 1 else None,
        own=layer.batches == 1,
        macs=layer.output.size * window.rows.kernel * window.columns.kernel,
    )
