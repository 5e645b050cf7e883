"""How channels pass operators that join tensors or take them apart."""

from __future__ import annotations

import numpy as np

from edgekit.compress.prune.rules_elementwise import Facing, meet
from edgekit.compress.prune.trace import Trace
from edgekit.compress.prune.units import FIXED
from edgekit.graph.model import Op


def concatenation(trace: Trace, op: Op) -> None:
    """Channels stand behind each other on the joined axis, and meet on the others."""
    result = op.outputs[0]
    joined = op.options.axis % len(result.shape)
    inputs = [t for t in op.inputs if t is not None]
    parts = [trace.axes(t).get(joined, np.full(t.shape[joined], FIXED)) for t in inputs]
    trace.carry(result, joined, np.concatenate(parts))
    for axis in range(len(result.shape)):
        if axis != joined:
            meet(trace, op, axis, [Facing(t, axis) for t in inputs])


def pack(trace: Trace, op: Op) -> None:
    """Inputs stand behind each other on a new axis, and meet on the others."""
    rank = len(op.outputs[0].shape)
    new = op.options.axis % rank
    for axis in range(rank):
        if axis != new:
            meet(trace, op, axis, [Facing(t, axis - (axis > new)) for t in op.inputs if t is not None])


def unpack(trace: Trace, op: Op) -> None:
    """One axis is taken apart, one output for each of it: it stays."""
    data = op.inputs[0]
    if data is None:
        return
    apart = op.options.axis % len(data.shape)
    trace.pin(data, f"{op.label} '{op.name}' takes it apart", apart)
    for axis, ids in trace.axes(data).items():
        for part in op.outputs:
            if axis != apart:
                trace.carry(part, axis - (axis > apart), ids)


def split(trace: Trace, op: Op) -> None:
    """SPLIT and SPLIT_V: each part has its stretch of the channels."""
    data, along = (op.inputs[1], op.inputs[0]) if op.kind == "SPLIT" else (op.inputs[0], op.inputs[2])
    where = trace.value(along)
    if data is None or where is None:
        return trace.pin_inputs(op, f"the axis of {op.label} '{op.name}' is computed")
    axis = int(where.ravel()[0]) % len(data.shape)
    for number, ids in trace.axes(data).items():
        start = 0
        for part in op.outputs:
            trace.carry(part, number, ids[start : start + part.shape[axis]] if number == axis else ids)
            start += part.shape[axis]
    return None
