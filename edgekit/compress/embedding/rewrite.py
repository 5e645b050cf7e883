"""A smaller table on the graph.

Given   table ─┐                             W, b ─┐
        ids ───┴ GATHER ─ y ─ RESHAPE … ─ x ─ CONV_2D

Result  index ─┐        codes ─┐                     W', b' ─┐
        ids ───┴ GATHER ───────┴ GATHER ─ y' ─ RESHAPE … ─ x' ─ CONV_2D     where one layer alone reads the rows, or
        ids ───┴ GATHER ───────┴ GATHER ─ y' ─ FULLY_CONNECTED projection ─ y
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.embedding.plan import Reader, SmallTable
from edgekit.compress.embedding.tables import Table
from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.ops import bias_of, weights_of
from edgekit.graph.types import DType


def shrink(graph: Graph, table: Table, small: SmallTable) -> None:
    """Let a lookup use the smaller table. Raises ModelError where the plan is another model's."""
    if table.table.shape != (small.vocabulary, small.width):
        raise ModelError(
            f"the plan's table of {small.kind} '{small.op}' has another shape", "plan again for this model"
        )
    op, old = table.op, table.table
    codes = _constant(graph, f"{old.name}_codes", small.codes, DType.FLOAT32)
    op.inputs = [codes if t is old else t for t in op.inputs]
    graph.tensors.remove(old)
    if small.index is not None:
        _look_up_row(graph, table, small.index)
    if small.reader is not None:
        _give_short_rows(graph, table, small.codes.shape[1], small.reader)
    elif small.projection is not None:
        _make_long(graph, op, small.projection)


def _look_up_row(graph: Graph, table: Table, index: npt.NDArray[np.int32]) -> None:
    """Put before the lookup one more, of ids' rows."""
    from ai_edge_litert import schema_py_generated as schema

    op, ids = table.op, table.ids
    numbers = _constant(graph, f"{op.name}_index", index, DType.INT32)
    name = graph.unique_name(f"{op.name}_row")
    rows = graph.add_tensor(Tensor(name, ids.shape, DType.INT32, shape_signature=ids.shape_signature))
    place = graph.ops.index(op)
    finder = Op("GATHER", [numbers, ids], [rows], schema.GatherOptionsT())
    graph.insert(finder, after=graph.ops[place - 1] if place else None)
    op.inputs = [rows if t is ids else t for t in op.inputs]


def _give_short_rows(graph: Graph, table: Table, rank: int, reader: Reader) -> None:
    layer = table.reader
    if layer is None or layer.name != reader.op:
        raise ModelError(f"the plan's reader '{reader.op}' is not the one of the model", "plan again for this model")
    for op in (table.op, *table.path):
        result = op.outputs[0]
        result.shape = (*result.shape[:-1], rank)
        if result.shape_signature:
            result.shape_signature = (*result.shape_signature[:-1], rank)
        if op.kind == "RESHAPE":
            _reshape_to(graph, op, rank)
    weights, bias = weights_of(layer), bias_of(layer)
    assert weights is not None
    weights.set_data(reader.weights)
    if bias is None:
        layer.inputs = [*layer.inputs[:2], _constant(graph, f"{layer.name}_bias", reader.bias, DType.FLOAT32)]
    else:
        bias.set_data(reader.bias)


def _reshape_to(graph: Graph, op: Op, rank: int) -> None:
    """Let a RESHAPE end in `rank` numbers; its shape may be other operators' too."""
    shape = op.inputs[1] if len(op.inputs) > 1 else None
    if shape is not None and shape.data is not None:
        wanted = np.concatenate([shape.data[:-1], [rank]]).astype(shape.data.dtype)
        op.inputs[1] = _constant(graph, f"{op.name}_shape", wanted, shape.dtype)
    if op.options is not None and op.options.newShape is not None and len(op.options.newShape):
        op.options.newShape = [*op.options.newShape[:-1], rank]


def _make_long(graph: Graph, op: Op, projection: npt.NDArray[np.float32]) -> None:
    """Put a layer behind the lookup that gives the rows their width again."""
    from ai_edge_litert import schema_py_generated as schema

    result, rank = op.outputs[0], projection.shape[0]
    signature = (*result.shape_signature[:-1], rank) if result.shape_signature else None
    name = graph.unique_name(f"{result.name}_short")
    short = graph.add_tensor(Tensor(name, (*result.shape[:-1], rank), DType.FLOAT32, shape_signature=signature))
    op.outputs = [short]
    weights = _constant(graph, f"{result.name}_projection", np.ascontiguousarray(projection.T), DType.FLOAT32)
    zeros = _constant(graph, f"{result.name}_zeros", np.zeros(projection.shape[1], np.float32), DType.FLOAT32)
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = len(result.shape) != 2
    graph.insert(Op("FULLY_CONNECTED", [short, weights, zeros], [result], options), after=op)


def _constant(graph: Graph, name: str, values: npt.NDArray[Any], dtype: DType) -> Tensor:
    tensor = Tensor(graph.unique_name(name), values.shape, dtype)
    tensor.set_data(values)
    return graph.add_tensor(tensor)
