"""DEPTHWISE_CONV_2D."""

from __future__ import annotations

from edgekit.codegen.call import Build, Call, Constant, Settings
from edgekit.codegen.kernels.conv import geometry, per_channel
from edgekit.codegen.kernels.depthwise_dsp import depthwise_dsp
from edgekit.codegen.kernels.depthwise_mve import depthwise_mve, takes_mve
from edgekit.codegen.kernels.linear import Linear, linear_of
from edgekit.codegen.kernels.window import Window, window_of
from edgekit.graph.model import Op


def lower_depthwise(op: Op, settings: Settings) -> Call:
    """int8, one scale a channel."""
    layer = linear_of(op, channel_axis=3)
    window = window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    if settings.build is Build.MVE and takes_mve(layer):
        return depthwise_mve(op, layer, window)
    fast = None if settings.build is Build.PORTABLE else depthwise_dsp(op, layer, window, geometry(layer, window))
    return fast or portable(op, layer, window)


def portable(op: Op, layer: Linear, window: Window) -> Call:
    """Plain C: weights as in the file, (row, column, output channel)."""
    fields = {
        **geometry(layer, window),
        "multiplier": layer.output.shape[3] // layer.source.shape[3],
        "weights": Constant(layer.weights),
        **per_channel(layer),
    }
    return Call(
        op,
        "ek_depthwise_s8",
        "ek_depthwise_s8.h",
        fields,
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(window.ahead(layer.source.nbytes // window.rows.input, layer.output.nbytes // window.rows.output),),
        rows=window.access(),
        own=True,
        macs=layer.output.size * window.rows.kernel * window.columns.kernel,
    )
