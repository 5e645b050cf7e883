"""CONV_2D."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Build, Call, Constant, Settings
from edgekit.codegen.kernels.conv_dsp import conv_dsp
from edgekit.codegen.kernels.conv_mve import conv_mve, takes_mve
from edgekit.codegen.kernels.linear import Linear, linear_of
from edgekit.codegen.kernels.window import Window, window_of
from edgekit.graph.model import Op


def lower_conv(op: Op, settings: Settings) -> Call:
    """int8, one scale a channel."""
    layer = linear_of(op, channel_axis=0)
    window = window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    if layer.batches > 1:
        return portable(op, layer, window)
    if settings.build is Build.MVE and not layer.is_packed and takes_mve(layer, window):
        return conv_mve(op, layer, window)
    fast = None if settings.build is Build.PORTABLE else conv_dsp(op, layer, window, geometry(layer, window))
    return fast or portable(op, layer, window)


def portable(op: Op, layer: Linear, window: Window) -> Call:
    """Plain C: weights as in the file, (output channel, row, column, input channel)."""
    groups = layer.source.shape[3] // layer.weights.shape[3]
    depth, channels = layer.weights[0].size, layer.output.shape[3]
    fields = {
        **geometry(layer, window),
        "batches": layer.batches,
        "groups": groups,
        "weights": packed_rows(layer) if layer.is_packed and layer.batches == 1 else Constant(layer.weights),
        **per_channel(layer),
    }
    in_place = window.ahead_by_pixel(layer.source.shape[3], channels, reads_while_writing=groups > 1)
    return Call(
        op,
        variant("ek_conv_s8", layer),
        "ek_conv_s8.h",
        fields,
        inputs=(layer.source,),
        outputs=(layer.output,),
        scratch_bytes=depth,
        ahead=(in_place if layer.batches == 1 else None,),
        rows=window.access() if layer.batches == 1 else None,
        own=layer.batches == 1,
        macs=layer.output.size * depth,
    )


def variant(function: str, layer: Linear) -> str:
    """The kernel for one image or several, and for weights of 8 bits or of 4."""
    if layer.batches > 1:
        return f"{function}_batched"
    return f"{function}_w4" if layer.is_packed else function


def packed_rows(layer: Linear) -> Constant:
    """Weights of 4 bits, a channel after the other, each in whole bytes."""
    return Constant(nibbles(np.pad(layer.rows, ((0, 0), (0, layer.rows.shape[1] % 2)))), align=1)


def nibbles(values: NDArray[np.int8]) -> NDArray[np.int8]:
    """An even number of weights of 4 bits, two a byte, the first one low."""
    pairs = values.reshape(-1, 2).view(np.uint8)
    return ((pairs[:, 0] & 15) | (pairs[:, 1] << 4)).view(np.int8)


def geometry(layer: Linear, window: Window) -> dict[str, int]:
    """Sizes, strides, dilations and padding, as every windowed kernel names them."""
    rows, columns = window.rows, window.columns
    return {
        "in_height": rows.input, "in_width": columns.input, "in_channels": layer.source.shape[3],
        "out_height": rows.output, "out_width": columns.output, "out_channels": layer.output.shape[3],
        "kernel_height": rows.kernel, "kernel_width": columns.kernel, "stride_y": rows.stride,
        "stride_x": columns.stride, "dilation_y": rows.dilation, "dilation_x": columns.dilation,
        "pad_top": rows.before, "pad_left": columns.before,
    }  # fmt: skip


def per_channel(layer: Linear) -> dict[str, int | Constant]:
    """Bias and requantization."""
    return {
        "bias": Constant(layer.bias),
        "mantissas": Constant(layer.mantissas),
        "shifts": Constant(layer.shifts.astype("int8"), align=1),
        "input_zero_point": layer.input_zero_point,
        "output_zero_point": layer.output_zero_point,
        "low": layer.low,
        "high": layer.high,
    }
