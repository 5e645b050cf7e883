"""FULLY_CONNECTED on float32."""

from __future__ import annotations

from edgekit.codegen.call import Call, Settings
from edgekit.codegen.kernels.linear_f32 import float_layer_of
from edgekit.graph.model import Op


def lower_fully_connected_f32(op: Op, settings: Settings) -> Call:
    """Weights as in the file, (output, input)."""
    layer = float_layer_of(op, channel_axis=0)
    outputs, depth = layer.weights.shape
    return Call(
        op,
        "ek_fully_connected_f32",
        "ek_fully_connected_f32.h",
        {"batches": layer.source.size // depth, "depth": depth, "outputs": outputs, **layer.fields()},
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(None,),
        macs=layer.source.size * outputs,
    )
