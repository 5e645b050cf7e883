"""CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV on float32."""

from __future__ import annotations

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.linear_f32 import FloatLayer, float_layer_of
from edgekit.codegen.kernels.transposed import transposed_of
from edgekit.codegen.kernels.window import Window, window_of
from edgekit.graph.model import Op


def lower_conv_f32(op: Op, settings: Settings) -> Call:
    """Weights as in the file, (output channel, row, column, input channel)."""
    layer = float_layer_of(op, channel_axis=0)
    groups = layer.source.shape[3] // layer.weights.shape[3]
    macs = layer.output.size * (layer.weights.size // layer.weights.shape[0])
    return _windowed(op, layer, "ek_conv_f32", {"groups": groups}, macs)


def lower_depthwise_f32(op: Op, settings: Settings) -> Call:
    """Weights as in the file, (row, column, output channel)."""
    layer = float_layer_of(op, channel_axis=3)
    multiplier = layer.output.shape[3] // layer.source.shape[3]
    macs = layer.output.size * layer.weights.shape[1] * layer.weights.shape[2]
    return _windowed(op, layer, "ek_depthwise_f32", {"multiplier": multiplier}, macs)


def _windowed(op: Op, layer: FloatLayer, function: str, fields: dict[str, Field], macs: int) -> Call:
    window = window_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    input_row_bytes = layer.source.nbytes // window.rows.input
    return Call(
        op,
        function,
        f"{function}.h",
        {**_geometry(layer, window), **fields, **layer.fields()},
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(window.ahead(input_row_bytes, layer.output.nbytes // window.rows.output),),
        rows=window.access(),
        own=True,
        macs=macs,
    )


def _geometry(layer: FloatLayer, window: Window) -> dict[str, Field]:
    rows, columns = window.rows, window.columns
    return {
        "in_height": rows.input, "in_width": columns.input, "in_channels": layer.source.shape[3],
        "out_height": rows.output, "out_width": columns.output, "out_channels": layer.output.shape[3],
        "kernel_height": rows.kernel, "kernel_width": columns.kernel, "stride_y": rows.stride,
        "stride_x": columns.stride, "dilation_y": rows.dilation, "dilation_x": columns.dilation,
        "pad_top": rows.before, "pad_left": columns.before,
    }  # fmt: skip


def lower_transpose_conv_f32(op: Op, settings: Settings) -> Call:
    """Weights as in the file, (output channel, row, column, input channel)."""
    layer = float_layer_of(op, channel_axis=0)
    shape = transposed_of(op, layer.source, (layer.weights.shape[1], layer.weights.shape[2]))
    return Call(
        op,
        "ek_transpose_conv_f32",
        "ek_transpose_conv_f32.h",
        {**shape.fields(), **layer.fields()},
        inputs=(layer.source,),
        outputs=(layer.output,),
        ahead=(shape.ahead(),),
        own=True,
        macs=shape.macs,
    )
