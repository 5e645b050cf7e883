"""The arena of a network, and the order of its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.codegen.call import Call
from edgekit.graph.model import Graph, Tensor

ALIGNMENT_BYTES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Where everything lies.

    Attributes:
        calls: in the order in which they run, without those that are nothing but views.
        offsets: bytes from the arena's start, for inputs, outputs, states and everything between.
        scratch: for calls that want some, where it is.
        arena_bytes: size of the arena.
    """

    calls: tuple[Call, ...]
    offsets: Mapping[Tensor, int]
    scratch: Mapping[Call, int]
    arena_bytes: int


def plan(graph: Graph, calls: tuple[Call, ...]) -> Plan:
    """Every tensor in a place of its own, but for views."""
    offsets: dict[Tensor, int] = {}
    scratch: dict[Call, int] = {}
    end = 0

    def place(nbytes: int) -> int:
        nonlocal end
        start, end = end, end + -(-nbytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
        return start

    for tensor in graph.inputs:
        offsets[tensor] = place(tensor.nbytes)
    for call in calls:
        offsets |= {state: place(state.nbytes) for state in call.states if state not in offsets}
        if not call.function:
            offsets |= {view.part: offsets[view.whole] + view.offset for view in call.views}
            continue
        offsets |= {output: place(output.nbytes) for output in call.outputs}
        if call.scratch_bytes:
            scratch[call] = place(call.scratch_bytes)
    return Plan(tuple(call for call in calls if call.function), offsets, scratch, end)
