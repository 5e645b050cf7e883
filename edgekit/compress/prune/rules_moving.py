"""How channels pass operators that move, pick, repeat or pool values."""

from __future__ import annotations

import numpy as np

from edgekit.compress.prune.trace import Role, Trace
from edgekit.compress.prune.units import Ids, slabs
from edgekit.graph.model import Op, Tensor

# What may stand between the reshape that splits heads and the product by heads.
_BEFORE_HEADS = ("TRANSPOSE", "RESHAPE", "MUL", "DIV", "ADD", "SPLIT", "SPLIT_V", "UNPACK", "GATHER", "SLICE",
                 "STRIDED_SLICE", "SQUEEZE", "EXPAND_DIMS", "CONCATENATION", "SUB", "NEG")  # fmt: skip


def reshaped(trace: Trace, data: Tensor, shape: tuple[int, ...], why: str, heads: bool = False) -> dict[int, Ids]:
    """The channels on each axis of `data` seen in another shape of as many elements.

    Given   (1, 4, 4, 8) with 8 channels on axis 3
    Result  (1, 128) with these 8 on axis 1, each at 16 positions

    Channels that come to lie on two axes can only go by whole slabs of one: where `heads`, of the last but one, which
    counts the heads of attention; else of the axis with more slabs.
    """
    found: dict[int, Ids] = {}
    for axis, ids in trace.axes(data).items():
        along = ids.reshape([-1 if a == axis else 1 for a in range(len(data.shape))])
        full = np.broadcast_to(along, data.shape).reshape(shape)
        where = slabs(trace.units, full, _last_but_one(full) if heads else None)
        if where is None or where in found:
            trace.pin(data, why, axis)
            if where is not None:
                trace.units.pin(found[where], why)
            continue
        line = np.moveaxis(full, where, 0).reshape(full.shape[where], -1)[:, 0]
        found[where] = trace.units.roots(line)
    return found


def _last_but_one(full: Ids) -> int | None:
    varying = [a for a in range(full.ndim) if np.any(full != np.take(full, [0], axis=a))]
    return varying[-2] if len(varying) > 1 else None


def reshape(trace: Trace, op: Op) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the same elements in the same order."""
    data = op.inputs[0]
    if data is None or (len(op.inputs) > 1 and not trace.is_constant(op.inputs[1])):
        return trace.pin_inputs(op, f"the shape of {op.label} '{op.name}' is computed")
    why = f"{op.label} '{op.name}' mixes it with others"
    heads = trace.leads_to(op.outputs[0], "BATCH_MATMUL", _BEFORE_HEADS)
    for axis, ids in reshaped(trace, data, op.outputs[0].shape, why, heads).items():
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
