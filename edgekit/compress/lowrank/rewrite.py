"""One layer as two, on the graph.

Given   x ─ FULLY_CONNECTED W, b ─ y
Result  x ─ FULLY_CONNECTED A ─ h ─ FULLY_CONNECTED B, b' ─ y      W about A B; likewise for 1x1 convolutions
"""

from __future__ import annotations

import copy

import numpy as np

from edgekit.compress.lowrank.plan import Factors
from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.ops import bias_of, weights_of
from edgekit.graph.types import DType

_NO_ACTIVATION = 0  # ActivationFunctionType.NONE of the schema


def split_layer(graph: Graph, op: Op, factors: Factors) -> None:
    """Put the first factor before `op`, which becomes the second. Raises ModelError where they do not fit."""
    weights, data, result = weights_of(op), op.inputs[0], op.outputs[0]
    taps, rank = factors.first.shape
    if weights is None or data is None or weights.size != factors.before or weights.shape[-1] != taps:
        raise ModelError(f"The plan's factors do not fit {op.label} '{op.name}'.", "plan again for this model")
    square = (1, 1) if op.kind == "CONV_2D" else ()
    first = _constant(graph, f"{weights.name}_in", factors.first.T.reshape(rank, *square, taps))
    second = _constant(graph, f"{weights.name}_out", factors.second.T.reshape(-1, *square, rank))
    zeros = _constant(graph, f"{weights.name}_in_bias", np.zeros(rank, np.float32))
    bias = _constant(graph, f"{weights.name}_out_bias", factors.bias)
    between = _between(graph, result, rank)
    ahead = Op(op.kind, [data, first, zeros], [between], copy.deepcopy(op.options), op.version)
    ahead.options.fusedActivationFunction = _NO_ACTIVATION
    before = graph.ops.index(op)
    graph.insert(ahead, after=graph.ops[before - 1] if before else None)
    held = bias_of(op)
    op.inputs = [between, second, bias, *op.inputs[3:]]
    if op.kind == "CONV_2D":
        op.options.strideH = op.options.strideW = 1
    for old in (weights, held):
        if old is not None and not graph.consumers(old) and old not in graph.outputs:
            graph.tensors.remove(old)


def _between(graph: Graph, result: Tensor, rank: int) -> Tensor:
    """The inner activation: as the result, with `rank` channels."""
    signature = (*result.shape_signature[:-1], rank) if result.shape_signature else None
    name = graph.unique_name(f"{result.name}_inner")
    return graph.add_tensor(Tensor(name, (*result.shape[:-1], rank), DType.FLOAT32, shape_signature=signature))


def _constant(graph: Graph, name: str, values: np.ndarray) -> Tensor:
    tensor = Tensor(graph.unique_name(name), values.shape, DType.FLOAT32)
    tensor.set_data(np.ascontiguousarray(values, np.float32))
    return graph.add_tensor(tensor)
