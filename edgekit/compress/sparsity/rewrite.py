"""Sparse weights on the graph, and a path that sparse kernels take.

Given   x ─ CONV_2D W, b ─ y
Result  W (sparse) ─ DENSIFY ─ CONV_2D ─ y

DENSIFY stands between because LiteRT's XNNPACK reads a sparse constant that a layer has directly as if it were dense,
and wrongly (seen with ai-edge-litert 2.3.0); through DENSIFY every kernel gets the right values, once, when loading.

A convolution of stride 2 with padding SAME over an even number of rows pads one zero at the end; sparse kernels want
one on both sides. Seen in a mirror the zero is at the beginning, and one more at the end is never read:

Given   image ─ CONV_2D W, SAME ─ … ─ MEAN ─ y
Result  image ─ REVERSE_V2 rows, columns ─ PAD 1, 1 ─ CONV_2D mirrored W, VALID ─ … ─ MEAN ─ y

The mean of a mirrored image is the image's, so outputs are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.sparsity.path import SparsePath
from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.ops import weights_of
from edgekit.graph.sparse import set_sparse
from edgekit.graph.types import DType

_VALID = 1  # Padding.VALID of the schema


def encode(graph: Graph, op: Op, block: int) -> None:
    """Store the weights of a layer sparsely, blocks along the input channels."""
    from ai_edge_litert import schema_py_generated as schema

    held = weights_of(op)
    assert held is not None and held.data is not None
    dense = Tensor(graph.unique_name(f"{held.name}_dense"), held.shape, DType.FLOAT32)
    values, sizes = held.data, (*(1,) * (len(held.shape) - 1), block)
    if len(graph.consumers(held)) > 1:  # others go on reading the dense one
        held = graph.add_tensor(Tensor(graph.unique_name(f"{held.name}_sparse"), held.shape, DType.FLOAT32))
    set_sparse(held, values, sizes)
    op.inputs[1] = graph.add_tensor(dense)
    graph.ops.insert(0, Op("DENSIFY", [held], [dense], schema.DensifyOptionsT()))


def mirror(graph: Graph, path: SparsePath) -> None:
    """Let a path compute on mirrored images where that gives it paddings that sparse kernels know."""
    if path.strided:
        _reverse_input(graph, path.ops[0])
        kernels = [weights_of(op) for op in path.ops if op.kind.endswith("CONV_2D")]
        for held in dict.fromkeys(kernels):  # two layers may share one
            if held is not None and held.data is not None and held.shape[1] > 1:
                held.set_data(np.ascontiguousarray(held.data[:, ::-1, ::-1]))
        for op in path.strided:
            _pad_before(graph, op)
    for op in path.ops:
        if op.kind == "AVERAGE_POOL_2D" or (op.kind == "MEAN" and len(op.outputs[0].shape) == 4):
            _mean_apart(graph, op)


def _reverse_input(graph: Graph, first: Op) -> None:
    from ai_edge_litert import schema_py_generated as schema

    source = first.inputs[0]
    assert source is not None
    for axis, name in ((1, "rows"), (2, "columns")):
        axes = _constant(graph, f"mirror_{name}", np.array([axis], np.int32))
        result = _like(graph, source, f"{source.name}_mirrored_{name}", source.shape)
        graph.ops.insert(graph.ops.index(first), Op("REVERSE_V2", [source, axes], [result], schema.ReverseV2OptionsT()))
        source = result
    first.inputs[0] = source


def _pad_before(graph: Graph, op: Op) -> None:
    """Explicit zeros on both sides: half of the kernel's reach."""
    from ai_edge_litert import schema_py_generated as schema

    source, held = op.inputs[0], weights_of(op)
    assert source is not None and held is not None
    high, wide = held.shape[1] // 2, held.shape[2] // 2
    pads = _constant(graph, f"{op.name}_pads", np.array([[0, 0], [high, high], [wide, wide], [0, 0]], np.int32))
    batch, rows, columns, channels = source.shape
    padded = _like(graph, source, f"{op.name}_padded", (batch, rows + 2 * high, columns + 2 * wide, channels))
    graph.ops.insert(graph.ops.index(op), Op("PAD", [source, pads], [padded], schema.PadOptionsT()))
    op.inputs[0] = padded
    op.options.padding = _VALID


def _mean_apart(graph: Graph, op: Op) -> None:
    """A mean of two dimensions, and a RESHAPE that keeps layers behind it off the path: XNNPACK would count in what
    comes directly behind a mean, too.

    Given   x ─ AVERAGE_POOL_2D ─ y (1, 1, 1, c)
    Result  x ─ MEAN ─ m (1, c) ─ RESHAPE ─ y
    """
    from ai_edge_litert import schema_py_generated as schema

    data, result = op.inputs[0], op.outputs[0]
    batch = (result.shape_signature or result.shape)[0]
    axes = _constant(graph, f"{op.name}_axes", np.array([1, 2], np.int32))
    shape = _constant(graph, f"{op.name}_shape", np.array([batch, *result.shape[1:]], np.int32))
    mean = _like(graph, result, f"{op.name}_mean", (result.shape[0], result.shape[3]))
    place = graph.ops.index(op)
    graph.ops[place] = Op("MEAN", [data, axes], [mean], schema.ReducerOptionsT())
    graph.ops.insert(place + 1, Op("RESHAPE", [mean, shape], [result], schema.ReshapeOptionsT()))


def _constant(graph: Graph, name: str, values: npt.NDArray[Any]) -> Tensor:
    tensor = Tensor(graph.unique_name(name), values.shape, DType.INT32)
    tensor.set_data(values)
    return graph.add_tensor(tensor)


def _like(graph: Graph, tensor: Tensor, name: str, shape: tuple[int, ...]) -> Tensor:
    signature = (tensor.shape_signature[0], *shape[1:]) if tensor.shape_signature else None
    return graph.add_tensor(Tensor(graph.unique_name(name), shape, DType.FLOAT32, shape_signature=signature))
