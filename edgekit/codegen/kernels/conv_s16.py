"""CONV_2D on int16 activations and int8 weights."""

from __future__ import annotations

from edgekit.codegen.call import Call, Constant, Settings
from edgekit.codegen.kernels.conv import geometry
from edgekit.codegen.kernels.linear_s16 import linear_s16_of, wide_scale
from edgekit.codegen.kernels.window import window_of
from edgekit.graph.model import Op


def lower_conv_s16(op: Op, settings: Settings) -> Call:
    """One scale a channel; weights as in the file, (output channel, row, column, input channel)."""
    layer = linear_s16_of(op, channel_axis=0)
    window = window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    return Call(
        op,
        "ek_conv_s16",
        "ek_conv_s16.h",
        {
            **geometry(layer, window),
            "groups": layer.source.shape[3] // layer.weights.shape[3],
            "weights": Constant(layer.weights),
            **wide_scale(op, layer),
        },
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(window.ahead(layer.source.nbytes // window.rows.input, layer.output.nbytes // window.rows.output),),
        rows=window.access(),
        own=True,
        macs=layer.output.size * (layer.weights.size // layer.weights.shape[0]),
    )
