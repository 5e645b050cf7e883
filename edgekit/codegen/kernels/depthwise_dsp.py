"""DEPTHWISE_CONV_2D for the DSP extension."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Call, Constant
from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.scales_dsp import scales_dsp
from edgekit.codegen.kernels.window import Window
from edgekit.graph.model import Op

_TILE = 24
"""Outputs of a row that are computed together: what the columns take of the RAM against doing some of them twice."""
_COLUMN_BYTES = 32


def depthwise_dsp(op: Op, layer: Linear, window: Window, geometry: dict[str, int]) -> Call | None:
    """Four channels at a time. None where plain C has to do: a multiplier, channels not in fours, scales that do not
    fit."""
    channels = layer.source.shape[3]
    table = scales_dsp(layer, folded=False)
    if channels != layer.output.shape[3] or channels % 4 or table is None:
        return None
    numbers = {**geometry, "input_zero_point": layer.input_zero_point, "low": layer.low, "high": layer.high}
    call = _any_kernel(op, layer, window, numbers, table)
    return _three_by_three(call, layer, window, table) if _is_three_by_three(window) else call


def _any_kernel(op: Op, layer: Linear, window: Window, numbers: dict[str, int], table: NDArray[np.int32]) -> Call:
    channels = layer.source.shape[3]
    return Call(
        op,
        "ek_depthwise_s8_dsp",
        "ek_depthwise_s8_dsp.h",
        {
            **numbers,
            "weights": Constant(_by_tap(layer.weights), align=8),
            "scales": Constant(table, align=8),
        },
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(window.ahead_by_pixel(channels, channels, reads_while_writing=True),),
        rows=window.access(),
        macs=layer.output.size * window.rows.kernel * window.columns.kernel,
    )


def _is_three_by_three(window: Window) -> bool:
    axes = (window.rows, window.columns)
    return window.columns.output > 1 and all(axis.kernel == 3 and axis.stride == axis.dilation == 1 for axis in axes)


def _three_by_three(call: Call, layer: Linear, window: Window, table: NDArray[np.int32]) -> Call:
    width = window.columns.output
    tile = next(size for size in range(_TILE, 1, -1) if width % size != 1)
    numbers = {name: value for name, value in call.fields.items() if not isinstance(value, Constant)}
    channels = layer.source.shape[3]
    return replace(
        call,
        function="ek_depthwise_3x3_s8_dsp",
        header="ek_depthwise_3x3_s8_dsp.h",
        fields={**numbers, "tile": tile, "weights": Constant(_by_channel(layer.weights, table), align=8)},
        scratch_bytes=(min(tile, width) + 2) * _COLUMN_BYTES,
        ahead=(window.ahead(window.columns.input * channels, window.columns.output * channels),),
    )


def _by_channel(weights: NDArray[np.int8], table: NDArray[np.int32]) -> NDArray[np.int32]:
    """(channels, 10): for each column the upper two rows, doubled, in a word, and the third in the low half of another,
    or for the channels 2 and 3 of four in the high half; then the scales."""
    doubled = 2 * weights[0].astype(np.int64).transpose(2, 1, 0) & 0xFFFF
    upper = doubled[:, :, 0] | (doubled[:, :, 1] << 16)
    is_high = np.arange(len(doubled))[:, None] % 4 >= 2
    lower = np.where(is_high, doubled[:, :, 2] << 16, doubled[:, :, 2])
    words = np.stack([upper, lower], axis=2).reshape(-1, 6).astype(np.uint32).view(np.int32)
    return np.concatenate([words, table], axis=1)


def _by_tap(weights: NDArray[np.int8]) -> NDArray[np.int32]:
    """(channels / 4, taps, 2): twice the weights of the channels 0 and 2, and of 1 and 3, as halves of a word."""
    channels = weights.shape[3]
    taps = 2 * weights.reshape(-1, channels // 4, 4).transpose(1, 0, 2).astype(np.int64) & 0xFFFF
    words = taps[:, :, 0:2] | (taps[:, :, 2:4] << 16)
    return np.ascontiguousarray(words).astype(np.uint32).view(np.int32)
