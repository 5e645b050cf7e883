"""FULLY_CONNECTED for the DSP extension."""

from __future__ import annotations

from edgekit.codegen.call import Call
from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.matrix_dsp import matrix_fields
from edgekit.graph.model import Op


def fully_connected_dsp(op: Op, layer: Linear, rounds_once: bool) -> Call | None:
    """One input vector at a time: widened, then multiplied by all outputs' weights. None where plain C has to do."""
    outputs, depth = layer.weights.shape
    matrix = matrix_fields(layer, depth, rounds_once)
    if matrix is None:
        return None
    words = matrix["words"]
    function = "ek_fully_connected_s8_w4_dsp" if layer.is_packed else "ek_fully_connected_s8_dsp"
    batches = layer.source.size // depth
    assert isinstance(words, int)
    return Call(
        op,
        function,
        f"{function}.h",
        {"batches": batches, "depth": depth, **matrix},
        inputs=(layer.source,),
        outputs=(layer.output,),
        scratch_bytes=4 * words,
        ahead=(max(0, batches * (outputs - depth)) if batches > 1 else 0,),
        macs=layer.source.size * outputs,
    )
