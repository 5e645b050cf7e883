"""From a model to C: lower each operator, plan the arena, write the sources. Read this file first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.codegen.call import Call, Settings
from edgekit.codegen.emit import emit_header, emit_source
from edgekit.codegen.kernels.registry import lower
from edgekit.codegen.library import library_files
from edgekit.codegen.plan.plan import Plan, plan
from edgekit.core.errors import ModelError
from edgekit.graph.check import check
from edgekit.graph.model import Graph, Model, Op, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Generated:
    """The sources, and what is known of them.

    Attributes:
        files: name -> content; `ek_model.c` and `ek_model.h` are the network, the rest is the kernel library.
        plan: order and arena.
    """

    files: Mapping[str, bytes]
    plan: Plan

    @property
    def macs(self) -> int:
        """Multiply-accumulates of an inference."""
        return sum(call.macs for call in self.plan.calls)


def generate(model: Model, settings: Settings) -> Generated:
    """C for `model`. Raises ModelError, with the operator, where there is no C for it."""
    check(model)
    graph = the_graph(model)
    calls = tuple(lower(op, settings) for op in needed(graph))
    return written(graph, plan(graph, calls, settings), settings)


def written(graph: Graph, planned: Plan, settings: Settings) -> Generated:
    """The C of a plan."""
    texts = {"ek_model.h": emit_header(graph, planned), "ek_model.c": emit_source(graph, planned, settings)}
    own = {name: text.encode() for name, text in texts.items()}
    return Generated({**own, **library_files(planned.calls, streams=bool(planned.streams))}, planned)


def the_graph(model: Model) -> Graph:
    """The model's only graph, of static shapes. Raises ModelError where it has several, or sizes are not known."""
    if len(model.graphs) != 1:
        raise ModelError(f"C is generated for one graph; the model has {len(model.graphs)} (control flow).")
    graph = model.graphs[0]
    for tensor in graph.tensors:
        _require_static(tensor)
    return graph


def needed(graph: Graph) -> list[Op]:
    """The operators that outputs come from, in order. Sizes are known, so nothing is needed that computes a RESHAPE's
    (importers leave SHAPE, STRIDED_SLICE and PACK before one where the number of images was open)."""
    found: list[Op] = []
    wanted = set(graph.outputs)
    for op in reversed(graph.ops):
        if not wanted.isdisjoint(op.outputs):
            found.append(op)
            wanted.update(t for t in op.inputs[: 1 if op.kind == "RESHAPE" else None] if t is not None)
    return found[::-1]


def _require_static(tensor: Tensor) -> None:
    if tensor.shape_signature is not None and any(size < 0 for size in tensor.shape_signature[1:]):
        shape = list(tensor.shape_signature)
        raise ModelError(f"Tensor '{tensor.name}' has the shape {shape}, and C is generated for sizes that are known.")


def calls_of(model: Model, settings: Settings) -> tuple[Call, ...]:
    """The calls of a model in the graph's order, before planning."""
    return tuple(lower(op, settings) for op in needed(the_graph(model)))
