"""Many models of one operator as one model: one compilation and one run hold all of them against LiteRT."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.graph.codec import read, write
from edgekit.graph.model import Graph, Model


def side_by_side(models: Sequence[bytes]) -> bytes:
    """One graph with the operators of all, each with inputs and outputs of its own."""
    joined = Graph("main", [], [], [], [])
    for number, model in enumerate(models):
        graph = read(model).graphs[0]
        for tensor in graph.tensors:
            tensor.name = f"{tensor.name}_{number}"
        joined.tensors += graph.tensors
        joined.inputs += graph.inputs
        joined.outputs += graph.outputs
        joined.ops += graph.ops
    return write(Model([joined]))
