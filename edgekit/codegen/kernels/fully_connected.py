"""FULLY_CONNECTED."""

from __future__ import annotations

from edgekit.codegen.call import Build, Call, Constant, Rounding, Settings
from edgekit.codegen.kernels.conv import packed_rows, per_channel
from edgekit.codegen.kernels.fully_connected_dsp import fully_connected_dsp
from edgekit.codegen.kernels.fully_connected_mve import fully_connected_mve, takes_mve
from edgekit.codegen.kernels.linear import Linear, linear_of
from edgekit.codegen.kernels.once import rounded_once
from edgekit.graph.model import Op


def lower_fully_connected(op: Op, settings: Settings) -> Call:
    """int8, one scale or one a channel."""
    layer = linear_of(op, channel_axis=0)
    if settings.rounding is Rounding.LITERT:
        layer = rounded_once(op, layer)
    if settings.build is Build.MVE and not layer.is_packed and takes_mve(layer, settings):
        return fully_connected_mve(op, layer, settings)
    rounds_once = settings.rounding is Rounding.LITERT
    fast = None if settings.build is Build.PORTABLE else fully_connected_dsp(op, layer, rounds_once)
    return fast or portable(op, layer, settings)


def portable(op: Op, layer: Linear, settings: Settings) -> Call:
    """Plain C: weights as in the file, (output, input)."""
    outputs, depth = layer.weights.shape
    fields = {
        "batches": layer.source.size // depth,
        "depth": depth,
        "outputs": outputs,
        "rounds_once": int(settings.rounding is Rounding.LITERT),
        "weights": packed_rows(layer) if layer.is_packed else Constant(layer.weights),
        **per_channel(layer),
    }
    return Call(
        op,
        "ek_fully_connected_s8_w4" if layer.is_packed else "ek_fully_connected_s8",
        "ek_fully_connected_s8.h",
        fields,
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(None,),
        own=True,
        macs=layer.source.size * outputs,
    )
