"""How channels pass operators that work element by element: what meets becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.compress.prune.trace import Role, Trace
from edgekit.graph.model import Op, Tensor


@dataclass(frozen=True, slots=True)
class Facing:
    """An axis of an input; the axes that face each other have channels in common."""

    tensor: Tensor
    axis: int


def elementwise(trace: Trace, op: Op) -> None:
    """One or more inputs that are broadcast against each other; constants are cut along."""
    result = op.outputs[0]
    rank = len(result.shape)
    inputs = [t for t in op.inputs if t is not None]
    if any(len(t.shape) > rank for t in inputs):
        return trace.pin_inputs(op, f"{op.label} '{op.name}' gives another shape than it gets")
    for axis in range(rank):
        meet(trace, op, axis, [Facing(t, axis - rank + len(t.shape)) for t in inputs])
    return None


def select(trace: Trace, op: Op) -> None:
    """SELECT: as the others where all shapes are equal; its older forms of broadcasting stay."""
    if len({t.shape for t in op.inputs if t is not None}) > 1:
        return trace.pin_inputs(op, f"{op.label} '{op.name}' picks whole rows")
    return elementwise(trace, op)


def meet(trace: Trace, op: Op, axis: int, facing: Sequence[Facing]) -> None:
    """Unites the channels of inputs that face each other on one axis of the result.

    An input that has this axis not, or only one of it that is spread over the others, has no part in it. A constant is
    cut as the rest is; an input that is computed and fixed pins what meets it.
    """
    size = op.outputs[0].shape[axis]
    full = [f for f in facing if f.axis >= 0 and f.tensor.shape[f.axis] == size]
    moving = [f for f in full if not trace.is_constant(f.tensor)]
    known = [ids for f in moving if (ids := trace.axes(f.tensor).get(f.axis)) is not None]
    if not known:
        return
    why = f"{op.label} '{op.name}' joins it with something that stays"
    for ids in known[1:]:
        trace.units.unite(known[0], ids, why)
    if len(known) < len(moving):
        trace.units.pin(known[0], why)
    ids = trace.units.roots(known[0])
    for one in full:
        if trace.is_constant(one.tensor):
            trace.use(op, one.tensor, one.axis, ids, Role.CARRIES)
    trace.carry(op.outputs[0], axis, ids)
