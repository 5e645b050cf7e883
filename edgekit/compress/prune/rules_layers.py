"""How channels pass operators with weights: old ones are read, new ones are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.compress.prune.rules_moving import reshaped
from edgekit.compress.prune.trace import Role, Trace
from edgekit.compress.prune.units import Ids
from edgekit.graph.model import Op, Tensor


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a convolution has its inputs, and which axes of its weights read and make channels."""

    data: int
    weights: int
    bias: int
    reads: int
    makes: int


# Source: tensorflow/lite/kernels/{conv,transpose_conv,conv3d,conv3d_transpose}.cc
LAYOUTS = {
    "CONV_2D": Layout(0, 1, 2, 3, 0),
    "TRANSPOSE_CONV": Layout(2, 1, 3, 3, 0),
    "CONV_3D": Layout(0, 1, 2, 3, 4),
    "CONV_3D_TRANSPOSE": Layout(2, 1, 3, 4, 3),
}


def convolution(trace: Trace, op: Op) -> None:
    """Plain, dilated, transposed, grouped; in two and three dimensions."""
    at = LAYOUTS[op.kind]
    data, weights, bias = (_input(op, n) for n in (at.data, at.weights, at.bias))
    if data is None or weights is None or not _fits(trace, data, weights):
        return trace.pin_inputs(op, f"the weights of {op.label} '{op.name}' are computed")
    last = len(data.shape) - 1
    if at.data == 2 and not trace.is_known_shape(op.inputs[0]):
        return trace.pin_inputs(op, f"the shape of {op.label} '{op.name}' is computed")
    trace.pin_inputs(op, f"{op.label} '{op.name}' slides along this axis", but=((data, last),))
    groups = data.shape[last] // weights.shape[at.reads]
    if groups > 1 and weights.shape[at.reads] == 1:
        return _one_by_one(trace, op, groups)
    ids = trace.axes(data).get(last)
    if ids is not None:
        lanes = ids.reshape(groups, -1)
        trace.units.unite(lanes, lanes[:1], "its place in another group of the convolution stays")
        trace.use(op, weights, at.reads, trace.units.roots(lanes[0]), Role.CONSUMES)
    made = np.tile(trace.units.fresh(weights.shape[at.makes] // groups), groups)
    _make(trace, op, weights, bias, at.makes, made)
    return None


def _fits(trace: Trace, data: Tensor, weights: Tensor) -> bool:
    return trace.is_constant(weights) and 0 not in weights.shape and len(weights.shape) == len(data.shape) > 3


def _one_by_one(trace: Trace, op: Op, groups: int) -> None:
    """A depthwise convolution that is stored as a grouped one: a channel goes with what is made of it."""
    at = LAYOUTS[op.kind]
    data, weights, bias = (_input(op, n) for n in (at.data, at.weights, at.bias))
    if data is not None and weights is not None:
        ids, each = trace.last(data), weights.shape[at.makes] // groups
        made = np.tile(trace.units.fresh(each), groups) if ids is None else np.repeat(ids, each)
        if ids is not None or each > 1:
            _make(trace, op, weights, bias, at.makes, made)


def depthwise(trace: Trace, op: Op) -> None:
    """A channel goes with all that is made of it; of fixed channels, all lose the same one of their outputs."""
    data, weights, bias = (_input(op, n) for n in range(3))
    if data is None or weights is None or not _fits(trace, data, weights):
        return trace.pin_inputs(op, f"the weights of {op.label} '{op.name}' are computed")
    trace.pin_inputs(op, f"{op.label} '{op.name}' slides along this axis", but=((data, 3),))
    channels, multiplier = data.shape[3], weights.shape[3] // data.shape[3]
    ids = trace.axes(data).get(3)
    made = np.tile(trace.units.fresh(multiplier), channels) if ids is None else np.repeat(ids, multiplier)
    if ids is not None or multiplier > 1:
        _make(trace, op, weights, bias, 3, made)
    return None


def fully_connected(trace: Trace, op: Op) -> None:
    """The last axis is read, or all of them at once where the operator flattens."""
    data, weights, bias = (_input(op, n) for n in (0, 1, 2))
    if data is None or weights is None or not trace.is_constant(weights) or trace.is_constant(data):
        return trace.pin_inputs(op, f"the weights of {op.label} '{op.name}' are computed")
    made = trace.units.fresh(weights.shape[0])
    width = weights.shape[1]
    if not width or data.size % width:
        return trace.pin_inputs(op, f"{op.label} '{op.name}' reads an open shape")
    ids = reshaped(trace, op, data, (data.size // width, width)).get(1)
    if ids is not None:
        trace.use(op, weights, 1, ids, Role.CONSUMES)
    _pass_rows(trace, op, data, width)
    _make(trace, op, weights, bias, 0, made)
    return None


def _pass_rows(trace: Trace, op: Op, data: Tensor, width: int) -> None:
    """Channels on the other axes stay on them where the output has the same ones."""
    result = op.outputs[0]
    kept = data.shape[-1] == width and data.shape[:-1] == result.shape[:-1]
    for axis, ids in trace.axes(data).items():
        if data.shape[-1] == width and axis == len(data.shape) - 1:
            continue
        if kept:
            trace.carry(result, axis, ids)
        elif data.shape[-1] == width:
            trace.pin(data, f"{op.label} '{op.name}' merges this axis", axis)


def _make(trace: Trace, op: Op, weights: Tensor, bias: Tensor | None, axis: int, made: Ids) -> None:
    trace.use(op, weights, axis, made, Role.PRODUCES)
    if bias is not None and trace.is_constant(bias):
        trace.use(op, bias, len(bias.shape) - 1, made, Role.PRODUCES)
    elif bias is not None and bias.size:
        trace.units.pin(made, f"the bias of {op.label} '{op.name}' is computed")
    trace.carry(op.outputs[0], len(op.outputs[0].shape) - 1, made)


def _input(op: Op, position: int) -> Tensor | None:
    return op.inputs[position] if position < len(op.inputs) else None
