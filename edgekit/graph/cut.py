"""A part of a model as a model of its own: what lies between tensors of the main graph."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Model, Op, Tensor


def cut(model: Model, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Model:
    """A clone of what computes `outputs` from `inputs`, without signatures, metadata and attached files.

    Given   a ─ A ─ b ─ B ─ c ─ C ─ d     cut(model, [b], [c])
    Result  b ─ B ─ c

    Every one of `inputs` becomes an input, in this order, needed or not. Raises ModelError where an output depends on
    an input of the model that is not among `inputs`, or is a constant.
    """
    main = model.main
    places = {tensor: number for number, tensor in enumerate(main.tensors)}
    ops = _between(main, set(inputs), outputs)
    numbers = [n for n, op in enumerate(main.ops) if op in ops]
    clone = model.clone()
    graph = clone.main
    graph.ops = [graph.ops[n] for n in numbers]
    graph.inputs = [graph.tensors[places[t]] for t in inputs]
    graph.outputs = [graph.tensors[places[t]] for t in outputs]
    graph.signatures, clone.signatures, clone.metadata, clone.attached = [], [], [], ()
    graph.sweep()
    clone.graphs = _reachable(graph)
    return clone


def _between(graph: Graph, inputs: set[Tensor], outputs: Sequence[Tensor]) -> set[Op]:
    makers = graph.producers()
    found: set[Op] = set()
    waiting = [t for t in outputs if t not in inputs]
    while waiting:
        tensor = waiting.pop()
        op = makers.get(tensor)
        if op is None:
            what = "is an input of the model" if tensor in graph.inputs else "is computed by no operator"
            raise ModelError(f"The part cannot be cut out: tensor '{tensor.name}' {what} and is not among its inputs.")
        if op not in found:
            found.add(op)
            waiting += [t for t in op.inputs if t is not None and t not in inputs and not _has_value(t)]
    return found


def _has_value(tensor: Tensor) -> bool:
    return tensor.is_constant or tensor.is_variable or not tensor.size


def _reachable(graph: Graph) -> list[Graph]:
    """The graph, and those that its control flow runs."""
    found = [graph]
    for one in found:
        found += [g for op in one.ops for g in op.subgraphs if g not in found]
    return found
