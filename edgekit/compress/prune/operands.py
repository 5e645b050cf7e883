"""Sizes that operators hold as constants or options, made to fit tensors that lost channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edgekit.compress.prune.chosen import Kept
from edgekit.graph.model import Buffer, Graph, Op, Tensor
from edgekit.graph.types import DType

Axes = dict[Tensor, dict[int, Kept]]


def rewrite(graph: Graph, op: Op, kept: Axes) -> None:
    """Makes an operator fit its tensors, whose shapes are cut already; `kept` says what is left of which axis."""
    rule = _RULES.get(op.kind)
    if rule is not None and any(t in kept for t in (*op.inputs, *op.outputs)):
        rule(graph, op, kept)


def _reshape(graph: Graph, op: Op, kept: Axes) -> None:
    """The shape as before but for what changed: an open dimension stays open."""
    shape = op.outputs[0].shape
    if len(op.inputs) > 1 and op.inputs[1] is not None and op.inputs[1].is_constant:
        old = _value(op, 1)
        set_operand(graph, op, 1, [n if n < 0 else m for n, m in zip(old, shape, strict=True)])
    if op.options is not None and op.options.newShape is not None:
        old = [int(n) for n in op.options.newShape]
        op.options.newShape = [n if n < 0 else m for n, m in zip(old, shape, strict=True)]


def _output_shape(graph: Graph, op: Op, kept: Axes) -> None:
    """TRANSPOSE_CONV and its kin: input 0 is the output's shape."""
    if op.inputs[0] is not None and op.inputs[0].is_constant:
        set_operand(graph, op, 0, op.outputs[0].shape)


def _depthwise(graph: Graph, op: Op, kept: Axes) -> None:
    data, weights = op.inputs[0], op.inputs[1]
    if data is not None and weights is not None:
        op.options.depthMultiplier = weights.shape[3] // data.shape[3]


def _pad(graph: Graph, op: Op, kept: Axes) -> None:
    amounts = np.array(_value(op, 1)).reshape(-1, 2)
    for axis, mask in kept.get(op.outputs[0], {}).items():
        before, after = amounts[axis]
        amounts[axis] = mask[:before].sum(), mask[mask.size - after :].sum()
    set_operand(graph, op, 1, amounts)


def _split(graph: Graph, op: Op, kept: Axes) -> None:
    """Equal parts may have become unequal.

    Given   SPLIT(axis, data)
    Result  SPLIT_V(data, sizes, axis)
    """
    axis = _value(op, 0)[0]
    sizes = [part.shape[axis] for part in op.outputs]
    if len(set(sizes)) == 1:
        return
    where, data = op.inputs
    lengths = Tensor(graph.unique_name(f"{op.name}/sizes"), (len(sizes),), DType.INT32, Buffer())
    lengths.set_data(np.array(sizes, np.int32))
    op.inputs = [data, graph.add_tensor(lengths), where]
    op.kind, op.version, op.options = "SPLIT_V", 1, schema.SplitVOptionsT()
    op.options.numSplits = len(sizes)


def _split_v(graph: Graph, op: Op, kept: Axes) -> None:
    axis = _value(op, 2)[0]
    set_operand(graph, op, 1, [part.shape[axis] for part in op.outputs])


def _slice(graph: Graph, op: Op, kept: Axes) -> None:
    begins, sizes = _value(op, 1), _value(op, 2)
    for axis, mask in _masks(op.inputs[0], kept).items():
        begins[axis] = int(mask[: begins[axis]].sum())
        sizes[axis] = op.outputs[0].shape[axis] if sizes[axis] >= 0 else -1
    set_operand(graph, op, 1, begins)
    set_operand(graph, op, 2, sizes)


def _strided_slice(graph: Graph, op: Op, kept: Axes) -> None:
    begins, ends = _value(op, 1), _value(op, 2)
    for axis, mask in _masks(op.inputs[0], kept).items():
        if axis < len(begins):
            for numbers in (begins, ends):
                numbers[axis] = _renumbered(numbers[axis], mask)
    set_operand(graph, op, 1, begins)
    set_operand(graph, op, 2, ends)


def _renumbered(number: int, mask: Kept) -> int:
    """A begin or end, which counts from behind where it is negative, among what is left."""
    number = max(number + mask.size, 0) if number < 0 else min(number, mask.size)
    return int(mask[:number].sum())


def _gather(graph: Graph, op: Op, kept: Axes) -> None:
    data = op.inputs[0]
    axis = 0 if data is None or op.options is None else op.options.axis % len(data.shape)
    mask = _masks(data, kept).get(axis)
    if mask is not None:
        numbers = np.array(_value(op, 1)) % mask.size
        set_operand(graph, op, 1, (np.cumsum(mask) - 1)[numbers[mask[numbers]]])


def _broadcast_to(graph: Graph, op: Op, kept: Axes) -> None:
    shape = _value(op, 1)
    if not shape:
        return  # it is computed, and will be stated anew
    for axis in _masks(op.outputs[0], kept):
        shape[axis] = op.outputs[0].shape[axis]
    set_operand(graph, op, 1, shape)


def _masks(tensor: Tensor | None, kept: Axes) -> dict[int, Kept]:
    return {} if tensor is None else kept.get(tensor, {})


def set_operand(graph: Graph, op: Op, position: int, values: Sequence[int] | npt.NDArray[np.integer]) -> None:
    """Gives an operator another constant; one that others read too is left to them."""
    tensor = op.inputs[position]
    if tensor is None:
        return
    array = np.asarray(values, tensor.dtype.numpy)
    old = tensor.data
    if old is not None and np.array_equal(array, old):
        return
    if sum(t is tensor for other in graph.ops for t in other.inputs) > 1:
        tensor = graph.add_tensor(replace(tensor, name=graph.unique_name(tensor.name), buffer=Buffer()))
        op.inputs[position] = tensor
    tensor.set_data(array)


def _value(op: Op, position: int) -> list[int]:
    tensor = op.inputs[position]
    data = None if tensor is None else tensor.data
    return [] if data is None else [int(n) for n in data.ravel()]


_RULES: dict[str, Callable[[Graph, Op, Axes], None]] = {
    "RESHAPE": _reshape,
    "TRANSPOSE_CONV": _output_shape,
    "CONV_3D_TRANSPOSE": _output_shape,
    "DEPTHWISE_CONV_2D": _depthwise,
    "PAD": _pad,
    "PADV2": _pad,
    "SLICE": _slice,
    "STRIDED_SLICE": _strided_slice,
    "GATHER": _gather,
    "BROADCAST_TO": _broadcast_to,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
}
