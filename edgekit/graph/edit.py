"""Edits of a graph: each is checked in whole before the first change, so that a refused edit changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Op, Tensor


def insert(graph: Graph, op: Op, after: Op | None) -> None:
    """See Graph.insert."""
    place = 0 if after is None else _place(graph, after) + 1
    if op in graph.ops:
        raise ModelError(f"Operator '{op.name}' is in the graph already.")
    _require_inputs(graph, op, place)
    _require_outputs(graph, op, place)
    for tensor in referenced_by(op):
        graph.add_tensor(tensor)
    graph.ops.insert(place, op)


def replace_uses(graph: Graph, old: Tensor, new: Tensor, keep: Collection[Op]) -> None:
    """See Graph.replace_uses."""
    if new not in graph.tensors:
        raise ModelError(f"Tensor '{new.name}' is not in graph '{graph.name}'.")
    maker = graph.producer(new)
    readers = [op for op in graph.ops if old in op.inputs and op is not maker and op not in keep]
    if maker is not None and readers and _place(graph, maker) >= _place(graph, readers[0]):
        raise ModelError(f"Tensor '{new.name}' is computed after operator '{readers[0].name}', which would read it.")
    for op in readers:
        op.inputs = [new if t is old else t for t in op.inputs]
    graph.outputs = [new if t is old else t for t in graph.outputs]
    for signature in graph.signatures:
        signature.outputs = {name: new if t is old else t for name, t in signature.outputs.items()}


def remove(graph: Graph, op: Op) -> None:
    """See Graph.remove."""
    place = _place(graph, op)
    others = [o for o in graph.ops if o is not op]
    used = set(graph.outputs) | {t for o in others for t in referenced_by(o)}
    used |= {t for s in graph.signatures for t in s.outputs.values()}
    for tensor in op.outputs:
        if tensor in used:
            raise ModelError(f"Operator '{op.name}' cannot go: its output '{tensor.name}' is still used.")
    del graph.ops[place]
    ends = set(graph.inputs) | {t for s in graph.signatures for t in s.inputs.values()}
    held = used | ends | {s for t in graph.tensors for s in scale_tensors(t)}
    gone = set(op.outputs) | {
        t for t in referenced_by(op) if t not in held and (t.is_constant or t in op.intermediates)
    }
    graph.tensors = [t for t in graph.tensors if t not in gone]


def sweep(graph: Graph) -> None:
    """See Graph.sweep."""
    used = {*graph.inputs, *graph.outputs} | {t for op in graph.ops for t in referenced_by(op)}
    used |= {t for s in graph.signatures for t in (*s.inputs.values(), *s.outputs.values())}
    used |= {t for u in list(used) for t in scale_tensors(u)}
    graph.tensors = [t for t in graph.tensors if t in used]


def referenced_by(op: Op) -> list[Tensor]:
    """Inputs, outputs and intermediates of an operator."""
    return [*(t for t in op.inputs if t is not None), *op.outputs, *op.intermediates]


def scale_tensors(tensor: Tensor) -> list[Tensor]:
    """The tensors that hold a blockwise quantized tensor's scales and zero points."""
    q = tensor.quantization
    return [] if q is None else [t for t in (q.scales_tensor, q.zero_points_tensor) if t is not None]


def _place(graph: Graph, op: Op) -> int:
    if op not in graph.ops:
        raise ModelError(f"Operator '{op.name}' is not in graph '{graph.name}'.")
    return graph.ops.index(op)


def _outputs(ops: Iterable[Op]) -> set[Tensor]:
    return {t for op in ops for t in op.outputs}


def _require_inputs(graph: Graph, op: Op, place: int) -> None:
    ready = _outputs(graph.ops[:place]) | set(graph.inputs)
    for tensor in op.inputs:
        if tensor is None or tensor in ready or tensor.is_constant or tensor.is_variable:
            continue
        if tensor in graph.tensors and not tensor.size and tensor not in _outputs(graph.ops):
            continue  # a constant without elements has no bytes
        raise ModelError(f"Operator '{op.name}' reads tensor '{tensor.name}', which is not computed before it.")


def _require_outputs(graph: Graph, op: Op, place: int) -> None:
    taken = _outputs(graph.ops) | set(graph.inputs)
    early = {t for o in graph.ops[:place] for t in o.inputs}
    for tensor in op.outputs:
        if tensor in taken or tensor.is_constant:
            raise ModelError(f"Operator '{op.name}' computes tensor '{tensor.name}', which has a value already.")
        if tensor in early:
            raise ModelError(f"Operator '{op.name}' computes tensor '{tensor.name}' after it is read.")
