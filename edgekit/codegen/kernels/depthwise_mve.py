"""DEPTHWISE_CONV_2D for Helium."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Call, Constant, Field
from edgekit.codegen.kernels.blocks_mve import (
    STEP,
    channel_blocks,
    output_range_fields,
    row_ahead,
    shifts_right,
    steps_of,
    weight_blocks,
)
from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.window import Axis, Window
from edgekit.graph.model import Op

_WORD = 4
"""Rows that are interleaved: taps of a word."""
_BEYOND = 64
"""Bytes that the kernel may write behind the interleaved rows."""


def takes_mve(layer: Linear) -> bool:
    """Other multipliers than one, and factors of one and more, are left to the other kernels."""
    return bool(layer.source.shape[3] == layer.output.shape[3]) and shifts_right(layer)


def depthwise_mve(op: Op, layer: Linear, window: Window) -> Call:
    """Two windows by four channels at a time."""
    channels = layer.output.shape[3]
    rows, columns = window.rows, window.columns
    groups = -(-rows.kernel // _WORD)
    group_bytes = _WORD * channels * (columns.before + columns.input + _after(columns))
    zeros_bytes = columns.input * channels if rows.before or _after(rows) else 0
    words = _words(layer.weights, groups)
    fields: dict[str, Field] = {
        **_geometry(layer, window),
        "zeros_bytes": zeros_bytes,
        "groups": groups,
        "steps": steps_of(words.shape[1]),
        "offsets": _offsets(columns, groups, group_bytes, channels),
        "weights": weight_blocks(words),
        "channels": channel_blocks(layer),
        "input_zero_point": layer.input_zero_point,
        **output_range_fields(layer),
    }
    return Call(
        op,
        "ek_depthwise_s8_mve",
        "ek_depthwise_s8_mve.h",
        fields,
        inputs=(layer.source,),
        outputs=(layer.output,),
        scratch_bytes=groups * group_bytes + _BEYOND + zeros_bytes,
        ahead=(row_ahead(layer, rows),),
        rows=window.access(),
        own=False,
        macs=layer.output.size * rows.kernel * columns.kernel,
    )


def _after(axis: Axis) -> int:
    """Elements of padding behind the input."""
    return max(0, (axis.output - 1) * axis.stride + axis.extent - axis.before - axis.input)


def _geometry(layer: Linear, window: Window) -> dict[str, int]:
    rows, columns = window.rows, window.columns
    return {
        "in_height": rows.input, "in_width": columns.input, "out_width": columns.output,
        "channels_count": layer.output.shape[3], "kernel_height": rows.kernel, "stride_y": rows.stride,
        "stride_x": columns.stride, "dilation_y": rows.dilation, "pad_top": rows.before,
        "pad_left": columns.before, "pad_right": _after(columns),
    }  # fmt: skip


def _words(weights: NDArray[np.int8], groups: int) -> NDArray[np.int8]:
    """(1, kernel rows, kernel columns, channels) as (channels, taps): columns of four taps, group by group."""
    _, height, width, channels = weights.shape
    padded = np.zeros((groups * _WORD, width, channels), np.int8)
    padded[:height] = weights[0]
    words: NDArray[np.int8] = padded.reshape(groups, _WORD, width, channels).transpose(3, 0, 2, 1)
    return words.reshape(channels, -1)


def _offsets(columns: Axis, groups: int, group_bytes: int, channels: int) -> Constant:
    """Where the words of a window are, relative to the first; the missing ones of the last step repeat that one."""
    column_bytes = _WORD * channels * columns.dilation
    found = [group * group_bytes + tap * column_bytes for group in range(groups) for tap in range(columns.kernel)]
    padded = found + [0] * (-len(found) % (STEP // _WORD))
    return Constant(np.array(padded, np.uint32))
