"""DEPTHWISE_CONV_2D for the DSP extension."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Call, Constant
from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.scales_dsp import scales_dsp
from edgekit.codegen.kernels.window import Window
from edgekit.graph.model import Op


def depthwise_dsp(op: Op, layer: Linear, window: Window, geometry: dict[str, int]) -> Call | None:
    """Four channels at a time. None where plain C has to do: a multiplier, channels not in fours, scales that do not
    fit."""
    channels = layer.source.shape[3]
    table = scales_dsp(layer, folded=False)
    if channels != layer.output.shape[3] or channels % 4 or table is None:
        return None
    return Call(
        op,
        "ek_depthwise_s8_dsp",
        "ek_depthwise_s8_dsp.h",
        {
            **geometry,
            "input_zero_point": layer.input_zero_point,
            "low": layer.low,
            "high": layer.high,
            "weights": Constant(_by_tap(layer.weights), align=8),
            "scales": Constant(table, align=8),
        },
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(window.ahead_by_pixel(channels, channels, reads_while_writing=True),),
        rows=window.access(),
        macs=layer.output.size * window.rows.kernel * window.columns.kernel,
    )


def _by_tap(weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """(channels / 4, taps, 2): twice the weights of the channels 0 and 2, and of 1 and 3, as halves of a word."""
    channels = weights.shape[3]
    taps = 2 * weights.reshape(-1, channels // 4, 4).transpose(1, 0, 2).astype(np.int64) & 0xFFFF
    words = taps[:, :, 0:2] | (taps[:, :, 2:4] << 16)
    return np.ascontiguousarray(words).astype(np.uint32).view(np.int32)
