"""Operators that the library leaves float between integer ones, although integer kernels exist for them.

Given   q ─ DEQUANTIZE ─ x ─ OP ─ y ─ QUANTIZE ─ r
Result  q ─ OP ─ r
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.compress.quantize.edits import new_op, new_quantized
from edgekit.compress.ranges import TensorRange
from edgekit.graph.model import Graph, Op, Quantization, Tensor
from edgekit.graph.types import DType

INTEGER = "_integer"
"""What the name of an output that became integer has behind it."""
# The output's grid is the input's.
SAME_GRID = frozenset({"SQUEEZE", "EXPAND_DIMS", "TILE", "DEPTH_TO_SPACE", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND",
                       "REVERSE_V2", "REDUCE_MAX", "SPACE_TO_DEPTH"})  # fmt: skip
# The kernel rescales.
OWN_GRID = frozenset({"RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "ELU", "ABS", "EXP", "HARD_SWISH"})
# The kernel writes on this grid at 8 bits: https://ai.google.dev/edge/litert/models/quantization_spec
FIXED_GRID = {"L2_NORMALIZATION": (1 / 128, 0), "LOG_SOFTMAX": (16 / 256, 127)}
# The output is an index.
TO_INDEX = frozenset({"ARG_MAX", "ARG_MIN"})
_AT_16_BITS = SAME_GRID & frozenset({"SQUEEZE", "EXPAND_DIMS", "TILE", "REVERSE_V2"}) | {"LEAKY_RELU", "RELU", "RELU6"}


def can_follow(op: Op, bits: int) -> bool:
    """Whether an operator between integer ones can be made integer here, and its data are an activation."""
    known = op.kind in SAME_GRID | OWN_GRID | TO_INDEX or op.kind in FIXED_GRID
    data = op.inputs[0] if op.inputs else None
    return known and (bits == 8 or op.kind in _AT_16_BITS) and data is not None and not data.is_constant


def fold(graph: Graph, names: frozenset[str], ranges: Mapping[str, TensorRange]) -> None:
    """Make the operators with these names integer; `ranges` are by the names of their outputs, before quantization."""
    for op in [op for op in graph.ops if op.name in names]:
        source = op.inputs[0]
        maker = graph.producer(source) if source is not None else None
        if source is None or maker is None or maker.kind != "DEQUANTIZE":
            continue  # its input is float: it can only stay so, and the audit tells of it
        stored = maker.inputs[0]
        assert stored is not None
        op.inputs[0] = stored
        if op.kind not in TO_INDEX:
            _integer_output(graph, op, stored, ranges)
        if not graph.consumers(source) and source not in graph.outputs:
            graph.remove(maker)


def allow_any_scale(graph: Graph) -> None:
    """Let int16 additions and subtractions take scales that are no powers of two.

    Their options say by default that all are, and where that is not so the kernel refuses, or rounds each to one.
    Source: pot_scale_int16 in tensorflow/lite/kernels/add.cc.
    """
    for op in graph.ops:
        if op.kind in ("ADD", "SUB") and op.options is not None and op.outputs[0].dtype is DType.INT16:
            op.options.potScaleInt16 = False


def _integer_output(graph: Graph, op: Op, stored: Tensor, ranges: Mapping[str, TensorRange]) -> None:
    """Let `op` write integers; what still reads floats gets them through a DEQUANTIZE."""
    real = op.outputs[0]
    grid = _grid(op, stored, ranges)
    whole = new_quantized(f"{real.name}{INTEGER}", real, stored.dtype, grid)
    graph.add_tensor(whole)
    op.outputs[0] = whole
    back = new_op("DEQUANTIZE", [whole], [real])
    graph.insert(back, after=op)
    for reader in [r for r in graph.consumers(real) if r.kind == "QUANTIZE"]:
        result = reader.outputs[0]
        if _same_grid(result, whole) and result not in graph.outputs:
            graph.replace_uses(result, whole)
            graph.remove(reader)
        else:
            reader.inputs[0] = whole
    if not graph.consumers(real) and real not in graph.outputs:
        graph.remove(back)


def _grid(op: Op, stored: Tensor, ranges: Mapping[str, TensorRange]) -> Quantization:
    """The scale and zero point of an operator's output."""
    given = stored.quantization
    assert given is not None
    if op.kind in SAME_GRID:
        return Quantization(scale=given.scale.copy(), zero_point=given.zero_point.copy())
    if op.kind in FIXED_GRID:
        scale, zero = FIXED_GRID[op.kind]
        return Quantization(scale=np.array([scale], np.float32), zero_point=np.array([zero], np.int64))
    return grid_of(ranges[op.name], stored.dtype)


def grid_of(found: TensorRange, dtype: DType) -> Quantization:
    """The grid that covers a range: with a zero point at 8 bits, symmetric at 16."""
    if dtype is DType.INT16:
        scale, zero = max(-found.min, found.max, 1e-9) / 32767, 0
    else:
        scale = max(found.max - found.min, 1e-9) / 255
        zero = round(-128 - found.min / scale)
    return Quantization(scale=np.array([scale], np.float32), zero_point=np.array([zero], np.int64))


def _same_grid(a: Tensor, b: Tensor) -> bool:
    p, q = a.quantization, b.quantization
    if p is None or q is None or a.dtype is not b.dtype:
        return False
    return np.array_equal(p.scale, q.scale) and np.array_equal(p.zero_point, q.zero_point)
