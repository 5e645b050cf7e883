"""The tables of a model that ids look up, and what reads their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.linear import groups_of, is_linear, to_matrix
from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.ops import weights_of
from edgekit.graph.types import DType

_IDS_AT = {"GATHER": 1, "EMBEDDING_LOOKUP": 0}
_TABLE_AT = {"GATHER": 0, "EMBEDDING_LOOKUP": 1}
_PASSING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A lookup.

    Attributes:
        op: GATHER or EMBEDDING_LOOKUP.
        table: (vocabulary, width), float.
        ids: which rows.
        path: operators that only reshape what was looked up, on the way to `reader`.
        reader: the one layer that multiplies the rows by weights and that alone reads them, or None.
        readers: all layers that multiply rows directly.
        plain: something else reads rows too.
    """

    op: Op
    table: Tensor
    ids: Tensor
    path: tuple[Op, ...]
    reader: Op | None
    readers: tuple[Op, ...]
    plain: bool


def tables(model: Model) -> list[Table]:
    """Those of the main graph whose ids come from outside and whose rows are float."""
    return [found for op in model.main.ops if (found := _table(model.main, op)) is not None]


def why_not(op: Op, graph: Graph) -> str:
    """Why a lookup of constants cannot be reduced, or ""."""
    table, ids = op.inputs[_TABLE_AT[op.kind]], op.inputs[_IDS_AT[op.kind]]
    if table is None or not table.is_constant or table.dtype is not DType.FLOAT32 or len(table.shape) != 2:
        return "its table is no constant matrix of floats"
    if ids is None or ids.is_constant:
        return "its ids are constants"
    if op.kind == "GATHER" and op.options is not None and (op.options.axis or op.options.batchDims):
        return "it looks up along another axis than the first"
    if len(graph.consumers(table)) > 1:
        return "something else uses its table too"
    return ""


def lookups(graph: Graph) -> list[Op]:
    """Every operator that looks rows up in a constant."""
    found = [op for op in graph.ops if op.kind in _TABLE_AT]
    return [op for op in found if (t := op.inputs[_TABLE_AT[op.kind]]) is not None and t.is_constant]


def metric(table: Table) -> npt.NDArray[np.float64]:
    """What an error of a row costs, (width, width): Σ W W' over the layers that read rows, and every number alike
    for what else does."""
    width = table.table.shape[1]
    total = np.zeros((width, width))
    for reader in table.readers:
        matrix = _matrix(reader)
        for tap in matrix.reshape(-1, width, matrix.shape[-1]):
            total += tap @ tap.T
    if table.plain or not total.any():
        total += np.eye(width) * max(float(np.trace(total)) / width, 1e-12)
    return total


def _matrix(op: Op) -> npt.NDArray[np.float64]:
    held = weights_of(op)
    assert held is not None and held.data is not None
    return np.asarray(to_matrix(op, held.data)[0], np.float64)


def _table(graph: Graph, op: Op) -> Table | None:
    if op.kind not in _TABLE_AT or why_not(op, graph):
        return None
    table, ids = op.inputs[_TABLE_AT[op.kind]], op.inputs[_IDS_AT[op.kind]]
    assert table is not None and ids is not None
    width = table.shape[1]
    path: list[Op] = []
    current, ends = op.outputs[0], graph.consumers(op.outputs[0])
    while len(ends) == 1 and ends[0].kind in _PASSING and ends[0].outputs[0].shape[-1] == width:
        if current in graph.outputs or any(t is not None and not t.is_constant for t in ends[0].inputs[1:]):
            break
        path.append(ends[0])
        current, ends = ends[0].outputs[0], graph.consumers(ends[0].outputs[0])
    readers = tuple(end for end in ends if _multiplies(end, current, width))
    plain = len(readers) < len(ends) or current in graph.outputs or any(p.outputs[0] in graph.outputs for p in path)
    alone = readers[0] if len(readers) == 1 and not plain and _owns(graph, readers[0]) else None
    return Table(op, table, ids, tuple(path), alone, readers, plain)


def _multiplies(op: Op, data: Tensor, width: int) -> bool:
    """Whether an operator's weights meet the rows' numbers one to one."""
    if op.kind not in ("CONV_2D", "FULLY_CONNECTED") or not is_linear(op) or op.inputs[0] is not data:
        return False
    weights = weights_of(op)
    return weights is not None and weights.shape[-1] == width and groups_of(op) == 1


def _owns(graph: Graph, op: Op) -> bool:
    weights: Sequence[Tensor | None] = op.inputs[1:3]
    return all(t is None or len(graph.consumers(t)) == 1 for t in weights)
