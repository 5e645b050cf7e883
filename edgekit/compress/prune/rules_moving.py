"""How channels pass operators that move, pick, repeat or pool values."""

from __future__ import annotations

import numpy as np

from edgekit.compress.prune.trace import Role, Trace
from edgekit.compress.prune.units import Ids, axes_of, by_sets, unite_slabs
from edgekit.graph.model import Op, Tensor

# What may stand between the reshape that splits heads and the product by heads.
_BEFORE_HEADS = ("TRANSPOSE", "RESHAPE", "MUL", "DIV", "ADD", "SPLIT", "SPLIT_V", "UNPACK", "GATHER", "SLICE",
                 "STRIDED_SLICE", "SQUEEZE", "EXPAND_DIMS", "CONCATENATION", "SUB", "NEG")  # fmt: skip


def reshaped(trace: Trace, op: Op, data: Tensor, shape: tuple[int, ...]) -> dict[int, Ids]:
    """The channels on each axis of an operator's `data` seen in another shape of as many elements.

    Given   (1, 4, 4, 8) with 8 channels on axis 3
    Result  (1, 128) with these 8 on axis 1, each at 16 positions

    Channels that come to lie on several axes can only go by whole slabs of one, see `_choice`.
    """
    why = f"{op.label} '{op.name}' mixes it with others"
    found: dict[int, Ids] = {}
    for axis, ids in trace.axes(data).items():
        along = ids.reshape([-1 if a == axis else 1 for a in range(len(data.shape))])
        full = np.broadcast_to(along, data.shape).reshape(shape)
        differing = axes_of(full)
        if not differing:
            trace.pin(data, why, axis)
            continue
        where = differing[0] if len(differing) == 1 else _choice(trace, op, full, differing)
        slabs = unite_slabs(trace.units, full, where)
        if where not in found or trace.units.all_pinned(found[where]):
            found[where] = slabs
        elif not trace.units.all_pinned(slabs):
            trace.units.pin(slabs, why)
            trace.units.pin(found[where], why)
    return found


def _choice(trace: Trace, op: Op, ids: Ids, axes: list[int]) -> int:
    """The axis to cut along: of the heads where a product by heads follows, else that with most sets, or the next."""
    if trace.leads_to(op.outputs[0], "BATCH_MATMUL", _BEFORE_HEADS):
        return axes[-2]
    trace.ambiguous.append(op)
    return by_sets(ids, axes)[1 if op in trace.turned else 0]


def reshape(trace: Trace, op: Op) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the same elements in the same order."""
    data = op.inputs[0]
    if data is None or (len(op.inputs) > 1 and not trace.is_known_shape(op.inputs[1])):
        return trace.pin_inputs(op, f"the shape of {op.label} '{op.name}' is computed")
    for axis, ids in reshaped(trace, op, data, op.outputs[0].shape).items():
        trace.carry(op.outputs[0], axis, ids)
    return None


def transpose(trace: Trace, op: Op) -> None:
    """Axes change places."""
    order = trace.value(op.inputs[1])
    if order is None:
        return trace.pin_inputs(op, f"the order of {op.label} '{op.name}' is computed")
    for new, old in enumerate(order.tolist()):
        ids = trace.axes(op.inputs[0]).get(old)
        if ids is not None:
            trace.carry(op.outputs[0], new, ids)
    return None


def along_channels(trace: Trace, op: Op) -> None:
    """Pooling, resizing, batches to space and back: the last axis passes, the others change."""
    data = op.inputs[0]
    for axis, ids in trace.axes(data).items():
        if data is not None and axis == len(data.shape) - 1:
            trace.carry(op.outputs[0], len(op.outputs[0].shape) - 1, ids)
        else:
            trace.pin(data, f"{op.label} '{op.name}' mixes along this axis", axis)


def reduce(trace: Trace, op: Op) -> None:
    """MEAN, SUM, REDUCE_*: only a SUM can do without some of what it is over; the other axes pass."""
    data, over = op.inputs[0], trace.value(op.inputs[1])
    if data is None or over is None:
        return trace.pin_inputs(op, f"the axes of {op.label} '{op.name}' are computed")
    rank = len(data.shape)
    gone = {int(a) % rank for a in over.ravel()}
    for axis, ids in trace.axes(data).items():
        if axis in gone and op.kind == "SUM":
            trace.use(op, data, axis, ids, Role.CONSUMES)
        elif axis in gone:
            trace.pin(data, f"{op.label} '{op.name}' is over these channels", axis)
        else:
            shift = 0 if op.options is not None and op.options.keepDims else sum(a < axis for a in gone)
            trace.carry(op.outputs[0], axis - shift, ids)
    return None


def pad(trace: Trace, op: Op) -> None:
    """PAD, PADV2, MIRROR_PAD: what is added beside channels are channels of their own."""
    data, amounts = op.inputs[0], trace.value(op.inputs[1])
    if amounts is None:
        return trace.pin_inputs(op, f"the amounts of {op.label} '{op.name}' are computed")
    for axis, ids in trace.axes(data).items():
        before, after = (int(n) for n in amounts[axis])
        if op.kind == "MIRROR_PAD" and before + after:
            trace.pin(data, f"{op.label} '{op.name}' mirrors it", axis)
        else:
            added = trace.units.fresh(before + after)
            trace.carry(op.outputs[0], axis, np.concatenate([added[:before], ids, added[before:]]))
    return None


def softmax(trace: Trace, op: Op) -> None:
    """The last axis is summed over: its channels stay."""
    data = op.inputs[0]
    for axis, ids in trace.axes(data).items():
        if data is not None and axis == len(data.shape) - 1:
            trace.pin(data, f"{op.label} '{op.name}' is over these channels", axis)
        else:
            trace.carry(op.outputs[0], axis, ids)
