"""Which stretch of each axis a SLICE or STRIDED_SLICE picks.

Source: tensorflow/lite/kernels/{slice,strided_slice}.cc
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.graph.model import Op, Tensor


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `begin` up to `end` in steps of `step`, on axis `to` of the output; None where the axis vanishes."""

    begin: int
    end: int
    step: int
    to: int | None


def stretches(op: Op) -> list[Stretch] | None:
    """One for each axis of the input; None where they are computed, or written in a form that is not known here."""
    return _slice(op) if op.kind == "SLICE" else _strided(op)


def _slice(op: Op) -> list[Stretch] | None:
    begins = _numbers(op.inputs[1])
    if begins is None or _numbers(op.inputs[2]) is None:
        return None
    sizes = op.outputs[0].shape
    return [Stretch(begin, begin + sizes[axis], 1, axis) for axis, begin in enumerate(begins)]


def _strided(op: Op) -> list[Stretch] | None:
    begins, ends, steps = (_numbers(t) for t in op.inputs[1:4])
    o, data = op.options, op.inputs[0]
    if begins is None or ends is None or steps is None or data is None:
        return None
    if o.ellipsisMask or o.newAxisMask or o.offset:
        return None
    found, to = [], 0
    for axis, size in enumerate(data.shape):
        if axis >= len(begins):
            begin, end, step = 0, size, 1
        else:
            low = None if o.beginMask >> axis & 1 else begins[axis]
            high = None if o.endMask >> axis & 1 else ends[axis]
            begin, end, step = slice(low, high, steps[axis]).indices(size)
        vanishes = bool(o.shrinkAxisMask >> axis & 1)
        found.append(Stretch(begin, end, step, None if vanishes else to))
        to += not vanishes
    return found


def _numbers(tensor: Tensor | None) -> list[int] | None:
    data = None if tensor is None else tensor.data
    return None if data is None else [int(n) for n in data.ravel()]
