"""CONV_2D for the DSP extension."""

from __future__ import annotations

from edgekit.codegen.call import Call
from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.matrix_dsp import matrix_fields
from edgekit.codegen.kernels.window import Window
from edgekit.graph.model import Op


def conv_dsp(op: Op, layer: Linear, window: Window, geometry: dict[str, int]) -> Call | None:
    """Two output pixels at a time: their inputs are widened, then multiplied by all output channels. None where plain
    C has to do: groups, and numbers that do not fit."""
    taps = window.columns.kernel if window.columns.dilation == 1 else 1
    run = taps * layer.source.shape[3]
    is_grouped = layer.source.shape[3] != layer.weights.shape[3]
    matrix = None if is_grouped else matrix_fields(layer, run, rounds_once=False)
    if matrix is None:
        return None
    words = matrix["words"]
    assert isinstance(words, int)
    pointwise = window.is_pointwise
    function = "ek_conv_s8_w4_dsp" if layer.is_packed else "ek_conv_s8_dsp"
    return Call(
        op,
        function,
        f"{function}.h",
        {
            **geometry,
            "taps": taps,
            "extent_y": window.rows.extent,
            "extent_x": window.columns.extent,
            "is_pointwise": int(pointwise),
            "input_zero_point": layer.input_zero_point,
            **matrix,
        },
        inputs=(layer.source,),
        outputs=(layer.output,),
        scratch_bytes=8 * words + (0 if pointwise else 3 * run),
        ahead=(window.ahead_by_pixel(layer.source.shape[3], layer.output.shape[3]),),
        rows=window.access(),
        macs=layer.output.size * (layer.weights.size // layer.output.shape[3]),
    )
