"""Rows of the lowering table: operators that move and pick values.

Source of options: tensorflow/lite/kernels/{reshape,transpose,pad,concatenation,gather,split,slice,strided_slice}.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit.compress.distill.call import Call, Row
from edgekit.core.errors import UnsupportedError


def _axis(call: Call, axis: int, position: int = 0) -> int:
    """An axis of the graph's tensor, as an axis of its value."""
    rank = len(call.tensor(position).shape)
    return axis % rank + 1 if rank else 1


def _as_samples(call: Call, values: Sequence[Any]) -> list[Any]:
    """Values of which some do not depend on the samples, as many times as there are samples."""
    tf = call.tf
    count = tf.reduce_max([tf.shape(value)[0] for value in values])
    if all(value.shape[0] is None for value in values):
        return list(values)
    return [tf.broadcast_to(value, tf.concat(([count], tf.shape(value)[1:]), 0)) for value in values]


def reshape(call: Call) -> Sequence[Any]:
    return [call.shaped(call.values[0], call.shape)]


def transpose(call: Call) -> Sequence[Any]:
    order = [0, *(int(axis) + 1 for axis in call.numbers(1))]
    return [call.tf.transpose(call.values[0], order)]


def pad(call: Call) -> Sequence[Any]:
    return [call.tf.pad(call.values[0], _pads(call), constant_values=0)]


def pad_v2(call: Call) -> Sequence[Any]:
    return [call.tf.pad(call.values[0], _pads(call), constant_values=call.tf.reshape(call.values[2], ()))]


def mirror_pad(call: Call) -> Sequence[Any]:
    return [call.tf.pad(call.values[0], _pads(call), "SYMMETRIC" if call.option("mode") else "REFLECT")]


def _pads(call: Call) -> list[list[int]]:
    return [[0, 0], *call.numbers(1).tolist()]


def concatenation(call: Call) -> Sequence[Any]:
    axis = _axis(call, call.option("axis"))
    return [call.active(call.tf.concat(_as_samples(call, call.values), axis))]


def pack(call: Call) -> Sequence[Any]:
    axis = call.option("axis") % len(call.shape) + 1
    return [call.tf.stack(_as_samples(call, call.values), axis)]


def unpack(call: Call) -> Sequence[Any]:
    return list(call.tf.unstack(call.values[0], axis=_axis(call, call.option("axis"))))


def gather(call: Call) -> Sequence[Any]:
    tf, (table, places) = call.tf, call.values[:2]
    axis, batch = call.option("axis") % len(call.tensor(0).shape), call.option("batchDims")
    if table.shape[0] == 1 and not batch:  # one table for all samples
        return [_in_front(tf, tf.gather(table[0], places, axis=axis), axis)]
    table, places = _as_samples(call, (table, places))
    return [tf.gather(table, places, axis=axis + 1, batch_dims=batch + 1)]


def _in_front(tf: Any, value: Any, axis: int) -> Any:
    """The samples' axis of the places, which `gather` put at `axis`, where it belongs."""
    order = [axis, *range(axis), *range(axis + 1, len(value.shape))]
    return tf.transpose(value, order) if axis else value


def embedding_lookup(call: Call) -> Sequence[Any]:
    return [call.tf.gather(call.weights(1), call.values[0])]


def split(call: Call) -> Sequence[Any]:
    axis = _axis(call, int(call.numbers(0)[0]), 1)
    return list(call.tf.split(call.values[1], len(call.op.outputs), axis))


def split_v(call: Call) -> Sequence[Any]:
    axis = _axis(call, int(call.numbers(2)[0]))
    return list(call.tf.split(call.values[0], [t.shape[axis - 1] for t in call.op.outputs], axis))


def slice_(call: Call) -> Sequence[Any]:
    begin = call.numbers(1).tolist()
    return [call.values[0][(slice(None), *(slice(b, b + n) for b, n in zip(begin, call.shape, strict=True)))]]


def strided_slice(call: Call) -> Sequence[Any]:
    if call.option("ellipsisMask") or call.option("newAxisMask"):
        raise UnsupportedError(f"{call.op.label} '{call.op.name}' has an ellipsis or a new axis: it cannot be trained")
    bounds = zip(*(call.numbers(position).tolist() for position in (1, 2, 3)), strict=True)
    parts: list[slice | int] = [slice(None)]
    for axis, (begin, end, step) in enumerate(bounds):
        bit = 1 << axis
        if call.option("shrinkAxisMask") & bit:
            parts.append(begin)
            continue
        first = None if call.option("beginMask") & bit else begin
        parts.append(slice(first, None if call.option("endMask") & bit else end, step))
    return [call.shaped(call.values[0][tuple(parts)], call.shape)]


def tile(call: Call) -> Sequence[Any]:
    return [call.tf.tile(call.values[0], [1, *call.numbers(1).tolist()])]


def broadcast_to(call: Call) -> Sequence[Any]:
    tf, value = call.tf, call.values[0]
    missing = len(call.shape) - len(call.tensor(0).shape)
    value = call.shaped(value, (*(1,) * missing, *call.tensor(0).shape))
    return [tf.broadcast_to(value, tf.concat(([tf.shape(value)[0]], list(call.shape)), 0))]


def space_to_depth(call: Call) -> Sequence[Any]:
    return [call.shaped(call.tf.nn.space_to_depth(call.images(), call.option("blockSize")), call.shape)]


def depth_to_space(call: Call) -> Sequence[Any]:
    return [call.shaped(call.tf.nn.depth_to_space(call.images(), call.option("blockSize")), call.shape)]


def reverse(call: Call) -> Sequence[Any]:
    return [call.tf.reverse(call.values[0], [_axis(call, int(axis)) for axis in call.numbers(1)])]


MOVING_ROWS: dict[str, Row] = {
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "TRANSPOSE": transpose,
    "PAD": pad,
    "PADV2": pad_v2,
    "MIRROR_PAD": mirror_pad,
    "CONCATENATION": concatenation,
    "PACK": pack,
    "UNPACK": unpack,
    "GATHER": gather,
    "EMBEDDING_LOOKUP": embedding_lookup,
    "SPLIT": split,
    "SPLIT_V": split_v,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
    "TILE": tile,
    "BROADCAST_TO": broadcast_to,
    "SPACE_TO_DEPTH": space_to_depth,
    "DEPTH_TO_SPACE": depth_to_space,
    "REVERSE_V2": reverse,
}
