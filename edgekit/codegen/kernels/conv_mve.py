"""CONV_2D for Helium."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Field
from edgekit.codegen.kernels.blocks_mve import (
    STEP,
    channel_blocks,
    output_range_fields,
    shifts_right,
    steps_of,
    weight_blocks,
)
from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.window import Window
from edgekit.graph.model import Op


def takes_mve(layer: Linear) -> bool:
    """Groups, and factors of one and more, are left to the other kernels."""
    return bool(layer.source.shape[3] == layer.weights.shape[3]) and shifts_right(layer)


def conv_mve(op: Op, layer: Linear, window: Window) -> Call:
    """Two windows by four channels at a time."""
    channels = layer.output.shape[3]
    rows = layer.weights.reshape(channels, -1)
    steps = steps_of(rows.shape[1])
    gathers = not window.is_pointwise or rows.shape[1] % STEP != 0
    fields: dict[str, Field] = {
        **_geometry(layer, window),
        "is_pointwise": int(window.is_pointwise),
        "steps": steps,
        "weights": weight_blocks(rows),
        "channels": channel_blocks(layer),
        "input_zero_point": layer.input_zero_point,
        **output_range_fields(layer),
    }
    return Call(
        op,
        "ek_conv_s8_mve",
        "ek_conv_s8_mve.h",
        fields,
        inputs=(layer.source,),
        outputs=(layer.output,),
        scratch_bytes=2 * steps * STEP + STEP if gathers else STEP,
        ahead=(_ahead(layer, window),),
        rows=window.access(),
        own=False,
        macs=layer.output.size * rows.shape[1],
    )


def _geometry(layer: Linear, window: Window) -> dict[str, int]:
    rows, columns = window.rows, window.columns
    return {
        "in_height": rows.input, "in_width": columns.input, "in_channels": layer.source.shape[3],
        "out_width": columns.output, "out_channels": layer.output.shape[3],
        "kernel_height": rows.kernel, "kernel_width": columns.kernel, "stride_y": rows.stride,
        "stride_x": columns.stride, "dilation_y": rows.dilation, "dilation_x": columns.dilation,
        "pad_top": rows.before, "pad_left": columns.before,
    }  # fmt: skip


def _ahead(layer: Linear, window: Window) -> int:
    """Windows are read and written in order, two at a time: when one is read, its outputs and the next one's may
    have been written over what no later window reads."""
    firsts = [
        np.maximum(np.arange(axis.output) * axis.stride - axis.before, 0) for axis in (window.rows, window.columns)
    ]
    first_read = (firsts[0][:, None] * window.columns.input + firsts[1][None, :]).reshape(-1) * layer.source.shape[3]
    still_read = np.minimum.accumulate(first_read[::-1])[::-1]
    written = (np.arange(first_read.size) + 2) * layer.output.shape[3]
    return max(0, int((written - still_read).max()))
