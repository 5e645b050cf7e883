"""How channels pass operators that join tensors or take them apart."""

from __future__ import annotations

import numpy as np

from edgekit.compress.prune.rules_elementwise import meet
from edgekit.compress.prune.rules_moving import fixed
from edgekit.compress.prune.trace import Trace
from edgekit.graph.model import Op


def concatenation(trace: Trace, op: Op) -> None:
    """Channels stand behind each other on the joined axis, and meet on the others."""
    result = op.outputs[0]
    joined = op.options.axis % len(result.shape)
    inputs = [t for t in op.inputs if t is not None]
    parts = [trace.axes(t).get(joined, fixed(t.shape[joined])) for t in inputs]
    trace.carry(result, joined, np.concatenate(parts))
    for axis in range(len(result.shape)):
        if axis != joined and result.shape[axis] > 1:
            meet(trace, op, result, axis, inputs)


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
            stretch = ids[start : start + part.shape[axis]] if number == axis else ids
            trace.carry(part, number, stretch)
            start += part.shape[axis]
    return None
