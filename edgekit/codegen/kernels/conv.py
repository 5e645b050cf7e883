"""CONV_2D."""

from __future__ import annotations

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
    if settings.build is Build.MVE and takes_mve(layer, window):
        return conv_mve(op, layer, window)
    fast = None if settings.build is Build.PORTABLE else conv_dsp(op, layer, window, geometry(layer, window))
    return fast or portable(op, layer, window)


def portable(op: Op, layer: Linear, window: Window) -> Call:
    """Plain C: weights as in the file, (output channel, row, column, input channel)."""
    channels = layer.output.shape[3]
    fields = {
        **geometry(layer, window),
        "groups": layer.source.shape[3] // layer.weights.shape[3],
        "weights": Constant(layer.weights),
        **per_channel(layer),
    }
    return Call(
        op,
        "ek_conv_s8",
        "ek_conv_s8.h",
        fields,
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(window.ahead(layer.source.nbytes // window.rows.input, layer.output.nbytes // window.rows.output),),
        rows=window.access(),
        own=True,
        macs=layer.output.size * (layer.weights.size // channels),
    )


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
