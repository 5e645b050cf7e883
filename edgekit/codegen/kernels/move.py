"""Operators that move elements along straight steps: TRANSPOSE, SLICE, STRIDED_SLICE, SPACE_TO_DEPTH, DEPTH_TO_SPACE,
BROADCAST_TO, TILE, REVERSE_V2. Where what is moved lies in one piece, they are views."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from edgekit.codegen.call import Call, Field, Settings, View
from edgekit.codegen.kernels.typed import axis_of, integers_of, source_of, width_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op

_OUTER_AXES = 5
_WIDTHS = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Path:
    """Where the output's elements come from: the input's element `start`, and along each of the output's axes
    (size, step in elements of the input), outermost first."""

    start: int
    axes: tuple[tuple[int, int], ...]


def lower_transpose(op: Op, settings: Settings) -> Call:
    """Axes in another order."""
    shape, order = source_of(op).shape, integers_of(op, 1)
    steps = strides(shape)
    return move_call(op, Path(0, tuple((shape[axis], steps[axis]) for axis in order)))


def lower_slice(op: Op, settings: Settings) -> Call:
    """A box."""
    steps = strides(source_of(op).shape)
    start = sum(begin * step for begin, step in zip(integers_of(op, 1), steps, strict=True))
    return move_call(op, Path(start, tuple(zip(op.outputs[0].shape, steps, strict=True))))


def lower_strided_slice(op: Op, settings: Settings) -> Call:
    """A box with steps, forwards and backwards."""
    source, options = source_of(op), op.options
    if options.ellipsisMask or options.newAxisMask or options.offset:
        raise ModelError(f"STRIDED_SLICE '{op.name}' has an ellipsis, a new axis or an offset; C has no way for them.")
    begins, ends, every = (integers_of(op, position) for position in (1, 2, 3))
    start, axes = 0, []
    for axis, (size, step) in enumerate(zip(source.shape, strides(source.shape), strict=True)):
        if axis >= len(begins):
            axes.append((size, step))
            continue
        is_single = options.shrinkAxisMask >> axis & 1
        first = None if options.beginMask >> axis & 1 and not is_single else begins[axis]
        last = None if options.endMask >> axis & 1 else ends[axis]
        if is_single:
            chosen = range(begins[axis] % size, begins[axis] % size + 1)
        else:
            chosen = range(size)[slice(first, last, every[axis])]
        start += (chosen[0] if chosen else 0) * step
        axes.append((len(chosen), chosen.step * step))
    return move_call(op, Path(start, tuple(axes)))


def lower_space_to_depth(op: Op, settings: Settings) -> Call:
    """Blocks of pixels as channels."""
    batches, height, width, depth = _four(op, source_of(op).shape)
    block = int(op.options.blockSize)
    row = width * depth
    axes = (
        (batches, height * row), (height // block, block * row), (width // block, block * depth), (block, row),
        (block * depth, 1),
    )  # fmt: skip
    return move_call(op, Path(0, axes))


def lower_depth_to_space(op: Op, settings: Settings) -> Call:
    """Channels as blocks of pixels."""
    batches, height, width, depth = _four(op, source_of(op).shape)
    block = int(op.options.blockSize)
    row, run = width * depth, depth // block
    axes = ((batches, height * row), (height, row), (block, run), (width, depth), (run, 1))
    return move_call(op, Path(0, axes))


def lower_broadcast_to(op: Op, settings: Settings) -> Call:
    """The same elements again along some axes."""
    output, shape = op.outputs[0].shape, source_of(op).shape
    full = (1,) * (len(output) - len(shape)) + shape
    axes = zip(output, full, strides(full), strict=True)
    return move_call(op, Path(0, tuple((size, step if own > 1 else 0) for size, own, step in axes)))


def lower_tile(op: Op, settings: Settings) -> Call:
    """The whole again and again."""
    shape = source_of(op).shape
    rows = zip(integers_of(op, 1), shape, strides(shape), strict=True)
    return move_call(op, Path(0, tuple(axis for times, size, step in rows for axis in ((times, 0), (size, step)))))


def lower_reverse(op: Op, settings: Settings) -> Call:
    """Some axes from their end."""
    shape = source_of(op).shape
    turned = {axis_of(op, axis, len(shape)) for axis in integers_of(op, 1)}
    steps = strides(shape)
    start = sum((shape[axis] - 1) * steps[axis] for axis in turned)
    return move_call(op, Path(start, tuple((shape[i], -s if i in turned else s) for i, s in enumerate(steps))))


def strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Elements from one to the next along each axis."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _four(op: Op, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    if len(shape) != 4:
        raise ModelError(f"{op.label} '{op.name}' has an input of {len(shape)} axes instead of 4.")
    return shape[0], shape[1], shape[2], shape[3]


def move_call(op: Op, path: Path) -> Call:
    """Copies along the path, or a view where it is one piece."""
    source, output = source_of(op), op.outputs[0]
    width = width_of(op, source)
    axes = [(size, step * width) for size, step in _merged(path.axes)]
    unit = width
    if axes and axes[-1][1] == width:
        unit *= axes.pop()[0]
    views = (View(output, source, path.start * width),) if not axes else ()
    ahead = (_ahead(path.start * width, axes, unit),)
    by_element = bool(axes) and unit in _WIDTHS
    last = axes.pop() if by_element else (unit, 0)
    if len(axes) > _OUTER_AXES:
        raise ModelError(f"{op.label} '{op.name}' moves along more axes than C is generated for.")
    outer = [(1, 0)] * (_OUTER_AXES - len(axes)) + axes
    fields: dict[str, Field] = {
        "start": path.start * width,
        "sizes": tuple(size for size, _ in outer),
        "steps": tuple(step for _, step in outer),
        "count": last[0],
        "step": last[1],
    }
    function = f"ek_move_{unit}" if by_element else "ek_move_run"
    return Call(op, function, "ek_move.h", fields, (source,), (output,), ahead=ahead, views=views)


def _merged(axes: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Neighbours that are one straight walk are one axis."""
    merged: list[tuple[int, int]] = []
    for size, step in axes:
        if size == 1:
            continue
        if merged and merged[-1][1] == size * step:
            merged[-1] = (merged[-1][0] * size, step)
        else:
            merged.append((size, step))
    return merged


def _ahead(start: int, axes: list[tuple[int, int]], unit: int) -> int:
    """Each unit of bytes is read when all before it are written."""
    read = np.full(1, start, np.int64)
    for size, step in axes:
        read = np.add.outer(read, np.arange(size, dtype=np.int64) * step).reshape(-1)
    return max(0, int((np.arange(read.size) * unit - read).max()))
