"""FULLY_CONNECTED for Helium."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Rounding, Settings
from edgekit.codegen.kernels.blocks_mve import (
    STEP,
    channel_blocks,
    output_range_fields,
    shifts_right,
    steps_of,
    weight_blocks,
)
from edgekit.codegen.kernels.linear import Linear
from edgekit.graph.model import Op


def takes_mve(layer: Linear, settings: Settings) -> bool:
    """Rounding twice, factors are less than one. Rounding once, no sum overflows when it is shifted to the left; only
    factors of a quarter and more need it."""
    if settings.rounding is not Rounding.LITERT:
        return shifts_right(layer)
    sums = 128 * np.abs(layer.weights.astype(np.int64)).sum(axis=1) + np.abs(layer.bias.astype(np.int64))
    return bool((sums << np.maximum(layer.shifts.astype(np.int64) + 2, 0) < 1 << 31).all())


def fully_connected_mve(op: Op, layer: Linear, settings: Settings) -> Call:
    """Four outputs at a time."""
    outputs, depth = layer.weights.shape
    steps = steps_of(depth)
    fields = {
        "batches": layer.source.size // depth,
        "depth": depth,
        "outputs": outputs,
        "rounds_once": int(settings.rounding is Rounding.LITERT),
        "steps": steps,
        "weights": weight_blocks(layer.weights),
        "channels": channel_blocks(layer),
        **output_range_fields(layer),
    }
    return Call(
        op,
        "ek_fully_connected_s8_mve",
        "ek_fully_connected_s8_mve.h",
        fields,
        inputs=(layer.source,),
        outputs=(layer.output,),
        scratch_bytes=steps * STEP if depth % STEP else STEP,
        ahead=(None,),
        own=False,
        macs=layer.source.size * outputs,
    )
