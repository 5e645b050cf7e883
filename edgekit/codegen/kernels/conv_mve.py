"""CONV_2D for Helium."""

from __future__ import annotations

from edgekit.codegen.call import Call, Field
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
from edgekit.codegen.kernels.window import Window
from edgekit.graph.model import Op


def takes_mve(layer: Linear, window: Window) -> bool:
    """Groups, columns that are dilated, and factors of one and more are left to the other kernels."""
    is_grouped = layer.source.shape[3] != layer.weights.shape[3]
    return not is_grouped and window.columns.dilation == 1 and shifts_right(layer)


def conv_mve(op: Op, layer: Linear, window: Window) -> Call:
    """Two windows by four channels at a time."""
    taps = layer.weights.size // layer.weights.shape[0]
    rows = layer.weights.transpose(0, 2, 1, 3).reshape(-1, taps)
    fields: dict[str, Field] = {
        **_geometry(layer, window),
        "is_pointwise": int(window.is_pointwise),
        "steps": steps_of(taps),
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
        scratch_bytes=_scratch_bytes(layer, window),
        ahead=(_pixel_ahead(layer) if window.is_pointwise else row_ahead(layer, window.rows),),
        rows=window.access(),
        own=False,
        macs=layer.output.size * taps,
    )


def _geometry(layer: Linear, window: Window) -> dict[str, int]:
    rows, columns = window.rows, window.columns
    needed = (columns.output - 1) * columns.stride + columns.kernel - columns.before
    return {
        "in_height": rows.input, "in_width": columns.input, "in_channels": layer.source.shape[3],
        "out_width": columns.output, "out_channels": layer.output.shape[3],
        "kernel_height": rows.kernel, "stride_y": rows.stride, "stride_x": columns.stride,
        "dilation_y": rows.dilation, "pad_top": rows.before, "pad_left": columns.before,
        "columns": min(needed, columns.input), "pad_right": max(0, needed - columns.input),
    }  # fmt: skip


def _scratch_bytes(layer: Linear, window: Window) -> int:
    """A row's columns, or the last pixels, and what the last window's last step reads more."""
    depth, columns = layer.source.shape[3], window.columns
    if window.is_pointwise:
        return depth * ((steps_of(depth) * STEP - 1) // depth + 1) + STEP if depth % STEP else STEP
    return ((columns.output - 1) * columns.stride + columns.kernel) * window.rows.kernel * depth + STEP


def _pixel_ahead(layer: Linear) -> int:
    """While two pixels are read, outputs of both may have been written."""
    depth, channels = layer.source.shape[3], layer.output.shape[3]
    last = layer.source.size // depth - 1
    return max(0, 2 * channels, (last + 1) * channels - last * depth, (last + 1) * channels - (last - 1) * depth)
