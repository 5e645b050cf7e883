"""How channels pass operators that work element by element: what meets becomes one."""

from __future__ import annotations

from edgekit.compress.prune.trace import Role, Trace
from edgekit.graph.model import Op, Tensor


def elementwise(trace: Trace, op: Op) -> None:
    """One or more inputs that are broadcast against each other; constants are cut along."""
    result = op.outputs[0]
    for axis in range(len(result.shape)):
        if result.shape[axis] > 1:
            meet(trace, op, result, axis, [t for t in op.inputs if t is not None])
    for tensor in op.inputs:  # broadcast: one channel meets many
        shift = len(result.shape) - len(tensor.shape) if tensor is not None else 0
        for axis in trace.axes(tensor):
            if tensor is not None and tensor.shape[axis] != result.shape[axis + shift]:
                trace.pin(tensor, f"{op.label} '{op.name}' spreads it over others", axis)


def meet(trace: Trace, op: Op, result: Tensor, axis: int, inputs: list[Tensor]) -> None:
    """Unites the channels on one axis of the result, which all of `inputs` that have it full share."""
    rank = len(result.shape)
    facing = [(t, axis - rank + len(t.shape)) for t in inputs]
    full = [(t, a) for t, a in facing if a >= 0 and t.shape[a] == result.shape[axis]]
    moving = [(t, a) for t, a in full if not trace.is_constant(t)]
    known = [trace.axes(t)[a] for t, a in moving if a in trace.axes(t)]
    if not known:
        return
    why = f"{op.label} '{op.name}' joins it with something that stays"
    for ids in known[1:]:
        trace.units.unite(known[0], ids, why)
    if len(known) < len(moving):
        trace.units.pin(known[0], why)
    ids = trace.units.roots(known[0])
    for tensor, place in full:
        if trace.is_constant(tensor):
            trace.use(op, tensor, place, ids, Role.CARRIES)
    trace.carry(result, axis, ids)
