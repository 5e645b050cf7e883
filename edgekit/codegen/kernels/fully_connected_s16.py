"""FULLY_CONNECTED on int16 activations and int8 weights."""

from __future__ import annotations

from edgekit.codegen.call import Call, Constant, Settings
from edgekit.codegen.kernels.linear_s16 import linear_s16_of, wide_scale
from edgekit.graph.model import Op


def lower_fully_connected_s16(op: Op, settings: Settings) -> Call:
    """One scale or one an output; weights as in the file, (output, input)."""
    layer = linear_s16_of(op, channel_axis=0)
    outputs, depth = layer.weights.shape
    return Call(
        op,
        "ek_fully_connected_s16",
        "ek_fully_connected_s16.h",
        {
            "batches": layer.source.size // depth,
            "depth": depth,
            "outputs": outputs,
            "weights": Constant(layer.weights),
            **wide_scale(op, layer, settings.rounding),
        },
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(None,),
        own=True,
        macs=layer.source.size * outputs,
    )
