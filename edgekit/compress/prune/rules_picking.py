"""How channels pass operators that pick or repeat: slices, gathers, tiles, and the depth that is space."""

from __future__ import annotations

import numpy as np

from edgekit.compress.prune.stretch import stretches
from edgekit.compress.prune.trace import Role, Trace
from edgekit.graph.model import Op, Tensor


def slices(trace: Trace, op: Op) -> None:
    """SLICE and STRIDED_SLICE: a stretch of each axis."""
    data = op.inputs[0]
    found = stretches(op)
    if data is None or found is None:
        return trace.pin_inputs(op, f"what {op.label} '{op.name}' picks is computed")
    for axis, ids in trace.axes(data).items():
        one = found[axis]
        if one.to is None or one.step != 1:
            trace.pin(data, f"{op.label} '{op.name}' picks single ones of it", axis)
        else:
            trace.carry(op.outputs[0], one.to, ids[one.begin : one.end])
    return None


def gather(trace: Trace, op: Op) -> None:
    """Rows of a table (its columns are channels), or constant positions of an activation."""
    data, picked = op.inputs[0], op.inputs[1]
    if data is None or picked is None or (op.options is not None and op.options.batchDims):
        return trace.pin_inputs(op, f"{op.label} '{op.name}' picks for each sample")
    trace.pin(picked, f"{op.label} '{op.name}' picks by it")
    axis = (op.options.axis if op.options is not None else 0) % len(data.shape)
    shift = len(picked.shape) - 1
    if trace.is_constant(data):
        return _table(trace, op, data, axis, shift)
    numbers = trace.value(picked)
    for number, ids in trace.axes(data).items():
        if number != axis:
            trace.carry(op.outputs[0], number + (shift if number > axis else 0), ids)
        elif numbers is None or numbers.ndim != 1:
            trace.pin(data, f"{op.label} '{op.name}' picks single ones of it", axis)
        else:
            trace.carry(op.outputs[0], axis, ids[numbers.astype(np.intp)])
    return None


def embedding(trace: Trace, op: Op) -> None:
    """EMBEDDING_LOOKUP: GATHER along the first axis with its inputs the other way round."""
    picked, table = op.inputs[0], op.inputs[1]
    if table is None or picked is None or not trace.is_constant(table):
        return trace.pin_inputs(op, f"the table of {op.label} '{op.name}' is computed")
    return _table(trace, op, table, 0, len(picked.shape) - 1)


def _table(trace: Trace, op: Op, table: Tensor, axis: int, shift: int) -> None:
    last = len(table.shape) - 1
    if last != axis:
        made = trace.units.fresh(table.shape[last])
        trace.use(op, table, last, made, Role.PRODUCES)
        trace.carry(op.outputs[0], last + shift, made)


def tile(trace: Trace, op: Op) -> None:
    """Each channel is there several times."""
    for axis, ids in trace.axes(op.inputs[0]).items():
        trace.carry(op.outputs[0], axis, np.tile(ids, op.outputs[0].shape[axis] // ids.size))


def broadcast_to(trace: Trace, op: Op) -> None:
    """Axes that are full stay as they are."""
    data, result = op.inputs[0], op.outputs[0]
    if not trace.is_known_shape(op.inputs[1]):
        return trace.pin_inputs(op, f"the shape of {op.label} '{op.name}' is computed")
    for axis, ids in trace.axes(data).items():
        trace.carry(result, axis + len(result.shape) - (0 if data is None else len(data.shape)), ids)
    return None


def reverse(trace: Trace, op: Op) -> None:
    """REVERSE_V2: what is kept of the channels stays in the same (reverse) order."""
    data, over = op.inputs[0], trace.value(op.inputs[1])
    if data is None or over is None:
        return trace.pin_inputs(op, f"the axes of {op.label} '{op.name}' are computed")
    turned = {int(a) % len(data.shape) for a in over.ravel()}
    for axis, ids in trace.axes(data).items():
        trace.carry(op.outputs[0], axis, ids[::-1] if axis in turned else ids)
    return None


def space_to_depth(trace: Trace, op: Op) -> None:
    """The channels of a block stand behind each other: each is there once for each place of the block."""
    ids = trace.last(op.inputs[0])
    trace.pin_inputs(op, f"{op.label} '{op.name}' mixes along this axis", but=((op.inputs[0], 3),))
    if ids is not None:
        trace.carry(op.outputs[0], 3, np.tile(ids, op.options.blockSize**2))


def depth_to_space(trace: Trace, op: Op) -> None:
    """The channels that become one at different places of a block go together."""
    ids = trace.last(op.inputs[0])
    trace.pin_inputs(op, f"{op.label} '{op.name}' mixes along this axis", but=((op.inputs[0], 3),))
    if ids is not None:
        places = ids.reshape(op.options.blockSize**2, -1)
        trace.units.unite(places, places[:1], "its place elsewhere in the block stays")
        trace.carry(op.outputs[0], 3, trace.units.roots(places[0]))
