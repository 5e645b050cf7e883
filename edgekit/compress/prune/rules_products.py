"""How channels pass BATCH_MATMUL: heads stay heads, the inner dimension is summed over."""

from __future__ import annotations

from edgekit.compress.prune.rules_elementwise import Facing, meet
from edgekit.compress.prune.trace import Role, Trace
from edgekit.graph.model import Op, Tensor


def batch_matmul(trace: Trace, op: Op) -> None:
    """Each side is an activation or a constant; the batch axes (the heads of attention) meet."""
    left, right = op.inputs[0], op.inputs[1]
    if left is None or right is None:
        return
    rank = len(op.outputs[0].shape)
    rows, inner = _axes(left, op.options is not None and op.options.adjX)
    other_inner, columns = _axes(right, op.options is not None and op.options.adjY)
    _sum_over(trace, op, Facing(left, inner), Facing(right, other_inner))
    _outer(trace, op, Facing(left, rows), rank - 2)
    _outer(trace, op, Facing(right, columns), rank - 1)
    for axis in range(rank - 2):
        meet(trace, op, axis, [Facing(t, axis - rank + len(t.shape)) for t in (left, right)])


def _axes(tensor: Tensor, swapped: bool) -> tuple[int, int]:
    """The rows and the columns of the matrices, after they are transposed."""
    rank = len(tensor.shape)
    return (rank - 1, rank - 2) if swapped else (rank - 2, rank - 1)


def _sum_over(trace: Trace, op: Op, *sides: Facing) -> None:
    moving = [s for s in sides if not trace.is_constant(s.tensor)]
    known = [ids for s in moving if (ids := trace.axes(s.tensor).get(s.axis)) is not None]
    if not known:
        return
    why = f"{op.label} '{op.name}' joins it with something that stays"
    trace.units.unite(known[0], known[-1], why)
    if len(known) < len(moving):
        trace.units.pin(known[0], why)
    for side in sides:
        trace.use(op, side.tensor, side.axis, trace.units.roots(known[0]), Role.CONSUMES)


def _outer(trace: Trace, op: Op, side: Facing, to: int) -> None:
    """Rows of the left side, columns of the right: new channels where the side is a constant."""
    ids = trace.axes(side.tensor).get(side.axis)
    if trace.is_constant(side.tensor):
        ids = trace.units.fresh(side.tensor.shape[side.axis])
        trace.use(op, side.tensor, side.axis, ids, Role.PRODUCES)
    if ids is not None:
        trace.carry(op.outputs[0], to, ids)
