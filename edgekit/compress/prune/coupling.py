"""Which channels of a model can only go together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.prune.rules import RULES, not_understood
from edgekit.compress.prune.trace import Place, Role, Trace
from edgekit.compress.prune.units import FIXED
from edgekit.compress.quantize.prepare import with_unique_names
from edgekit.graph.model import Graph, Model, Op

_MOST_CHOICES = 16  # each costs a walk through the graph

__all__ = ["Group", "Part", "Role", "couple"]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Where a group's units sit in one tensor.

    Attributes:
        tensor: its name, unique in the model (see `with_unique_names`).
        axis: the axis that is cut.
        places: (units, k): the k positions along `axis` that belong to each unit, ascending.
        role: what the tensor has to do with the units.
        op: the operator that reads the tensor so, "" for plain activations.
    """

    tensor: str
    axis: int
    places: npt.NDArray[np.intp]
    role: Role
    op: str


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Channels that sit in the same tensors: unit by unit, all of a unit's positions go or none.

    Attributes:
        name: of the operator that makes them, the first in graph order; a number is added where it makes several.
        units: how many there are. As long as one of each group stays, no tensor becomes empty.
        parts: where they sit, in graph order.
        pinned: why nothing of it can go, "" where it can.
    """

    name: str
    units: int
    parts: tuple[Part, ...]
    pinned: str


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A group, and the numbers of its units in the trace."""

    group: Group
    roots: tuple[int, ...]


def couple(model: Model) -> tuple[Group, ...]:
    """The channels of the main graph, those that sit in the same tensors as one group; in graph order.

    Never raises for what it does not understand: that is in a group's `pinned`.
    """
    named = with_unique_names(model)
    return tuple(member.group for member in members(traced(named.main)))


def traced(graph: Graph) -> Trace:
    """Every rule applied in graph order, with the choices that leave most units to cut.

    Behind some reshapes channels can be cut along one axis or another (of groups, or within groups), and what follows
    decides which is better: each such choice is turned once, and stays turned where more units are free then.
    """
    best = _traced(graph, frozenset())
    score = _free_units(best) if best.ambiguous else 0
    for op in best.ambiguous[:_MOST_CHOICES]:
        other = _traced(graph, best.turned | {op})
        if _free_units(other) > score:
            best, score = other, _free_units(other)
    return best


def _traced(graph: Graph, turned: frozenset[Op]) -> Trace:
    trace = Trace(graph, turned)
    for op in graph.ops:
        RULES.get(op.kind, not_understood)(trace, op)
    trace.close(graph.outputs)
    return trace


def _free_units(trace: Trace) -> int:
    return sum(m.group.units for m in members(trace) if not m.group.pinned)


def members(trace: Trace) -> list[Member]:
    """The groups of a trace that is complete."""
    places = {place: trace.units.roots(ids) for place, ids in trace.places.items()}
    counts: dict[int, list[tuple[int, int]]] = {}
    for number, roots in enumerate(places.values()):
        for root, count in zip(*np.unique(roots, return_counts=True), strict=True):
            if root != FIXED:
                counts.setdefault(int(root), []).append((number, int(count)))
    alike: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for root in sorted(counts):
        alike.setdefault(tuple(counts[root]), []).append(root)
    reasons = trace.units.reasons()
    order = list(places.items())
    found = []
    for key in sorted(alike):
        for pinned in ("", *dict.fromkeys(reasons[r] for r in alike[key] if r in reasons)):
            units = tuple(r for r in alike[key] if reasons.get(r, "") == pinned)
            if units:
                here = [order[number] for number, _ in key]
                found.append(Member(_group(here, units, pinned), units))
    return _renamed(found)


def _group(places: list[tuple[Place, npt.NDArray[np.intp]]], roots: tuple[int, ...], pinned: str) -> Group:
    if not pinned and len(roots) == 1 and any(np.all(ids == roots[0]) for _, ids in places):
        pinned = "its channels can only go all together"
    parts = tuple(
        Part(p.tensor.name, p.axis, _positions(ids, roots), p.role, p.op.name if p.op else "") for p, ids in places
    )
    makers = [p.op for p, _ in places if p.role is Role.PRODUCES and p.op is not None]
    return Group(makers[0].name if makers else parts[0].tensor, len(roots), parts, pinned)


def _positions(ids: npt.NDArray[np.intp], roots: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """The positions of each root: (roots, k)."""
    order = np.argsort(ids, kind="stable")
    first, behind = (np.searchsorted(ids[order], roots, side) for side in ("left", "right"))
    return order[first[:, None] + np.arange(behind[0] - first[0])]


def _renamed(found: list[Member]) -> list[Member]:
    taken: dict[str, int] = {}
    result = []
    for member in found:
        g = member.group
        number = taken[g.name] = taken.get(g.name, 0) + 1
        name = g.name if number == 1 else f"{g.name} [{number}]"
        result.append(Member(Group(name, g.units, g.parts, g.pinned), member.roots))
    return result
