"""Constants that the library does not touch: float16 for all of them, int8 for the tables that GATHER reads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgekit.compress.quantize.edits import constant, new_op, new_quantized
from edgekit.graph.model import Graph, Op, Quantization, Tensor
from edgekit.graph.types import DType

LEAST_ELEMENTS = 64  # elements: below it the operator that makes them float again costs more bytes than are saved


def cast_constants(graph: Graph, names: frozenset[str]) -> None:
    """Store the float constants of the operators with these names as float16.

    Given   w(float32) ─ OP
    Result  w(float16) ─ DEQUANTIZE ─ OP
    """
    for op in [op for op in graph.ops if op.name in names]:
        for place, tensor in enumerate(op.inputs):
            if tensor is None or tensor.dtype is not DType.FLOAT32 or not tensor.is_constant:
                continue
            values = tensor.data
            if values is None or not _fits_float16(values):
                continue
            half = graph.add_tensor(constant(f"{tensor.name}_half{place}", values.astype(np.float16), DType.FLOAT16))
            real = graph.add_tensor(Tensor(f"{tensor.name}_real{place}_{op.name}", tensor.shape, DType.FLOAT32))
            graph.insert(new_op("DEQUANTIZE", [half], [real]), after=_before(graph, op))
            op.inputs[place] = real
    _drop_unused(graph)


def quantize_tables(graph: Graph, names: frozenset[str]) -> None:
    """Store tables as int8 with one scale, and make float what is gathered from them.

    Given   table(float32) ─ GATHER ─ y
    Result  table(int8)    ─ GATHER ─ y' ─ DEQUANTIZE ─ y
    """
    for op in [op for op in graph.ops if op.name in names]:
        table, real = op.inputs[0], op.outputs[0]
        values = table.data if table is not None else None
        if table is None or values is None:
            continue
        scale = max(float(np.abs(values).max()), 1e-9) / 127
        grid = Quantization(scale=np.array([scale], np.float32), zero_point=np.array([0], np.int64))
        stored = constant(f"{table.name}_int8_{op.name}", np.rint(values / scale).astype(np.int8), DType.INT8)
        stored.quantization = grid
        op.inputs[0] = graph.add_tensor(stored)
        gathered = graph.add_tensor(new_quantized(f"{real.name}_int8", real, DType.INT8, grid))
        op.outputs[0] = gathered
        graph.insert(new_op("DEQUANTIZE", [gathered], [real]), after=op)
    _drop_unused(graph)


def _fits_float16(values: npt.NDArray[np.float32]) -> bool:
    """Whether it is worth it, and no value becomes infinite."""
    return values.size >= LEAST_ELEMENTS and bool(np.abs(values).max() <= np.finfo(np.float16).max)


def _before(graph: Graph, op: Op) -> Op | None:
    """The operator before another one."""
    place = graph.ops.index(op)
    return graph.ops[place - 1] if place else None


def _drop_unused(graph: Graph) -> None:
    """Take out constants that nothing reads any more."""
    used = {id(t) for op in graph.ops for t in (*op.inputs, *op.outputs, *op.intermediates) if t is not None}
    used |= {id(t) for t in (*graph.inputs, *graph.outputs)}
    graph.tensors = [t for t in graph.tensors if id(t) in used or not t.is_constant]
