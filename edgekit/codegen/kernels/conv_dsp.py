"""CONV_2D for the DSP extension."""

from __future__ import annotations

from edgekit.codegen.call import Call
from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.matrix_dsp import fits_matrix, matrix_fields
from edgekit.codegen.kernels.window import Window
from edgekit.graph.model import Op


def takes_conv(layer: Linear) -> bool:
    """Whether the kernel computes the layer; what it does not is left to plain C."""
    return layer.source.shape[3] == layer.weights.shape[3] and fits_matrix(layer)


def conv_dsp(op: Op, layer: Linear, window: Window, geometry: dict[str, int]) -> Call:
    """Two output pixels at a time: their inputs are widened, then multiplied by all output channels."""
    taps = window.columns.kernel if window.columns.dilation == 1 else 1
    run = taps * layer.source.shape[3]
    matrix = matrix_fields(layer, run, rounds_once=False)
    words = matrix["words"]
    assert isinstance(words, int)
    return Call(
        op,
        "ek_conv_s8_dsp",
        "ek_conv_s8_dsp.h",
        {**geometry, "taps": taps, "input_zero_point": layer.input_zero_point, **matrix},
        inputs=(layer.source,),
        outputs=(layer.output,),
        scratch_bytes=8 * words + run,
        ahead=(window.ahead_by_pixel(layer.source.shape[3], layer.output.shape[3]),),
        rows=window.access(),
        macs=layer.output.size * (layer.weights.size // layer.output.shape[3]),
    )
