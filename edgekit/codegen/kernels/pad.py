"""PAD, PADV2 and MIRROR_PAD."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from edgekit.codegen.call import Call, Field, Rows, Settings
from edgekit.codegen.kernels.quantized import zero_point_of
from edgekit.codegen.kernels.typed import integers_of, source_of, width_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op

_OUTER_AXES = 3
_MIRROR_AXES = 4


@dataclass(frozen=True, slots=True)
class Axis:
    """Sizes in elements; `before` are the padded ones in front."""

    input: int
    output: int
    before: int


def lower_pad(op: Op, settings: Settings) -> Call:
    """A border of zeros, or of a constant."""
    source, output = source_of(op), op.outputs[0]
    width = width_of(op, source)
    axes = _axes(op)
    by_rows = len(axes) == 4 and output.shape[0] == 1
    line = max([axis for axis, one in enumerate(axes) if one.input != one.output], default=0)
    line = max(line, 2) if by_rows else line
    outer = [*axes[:line], *[Axis(1, 1, 0)] * (_OUTER_AXES - line)]
    if len(outer) > _OUTER_AXES or width > 4:
        raise ModelError(f"{op.label} '{op.name}' pads more axes, or longer elements, than C is generated for.")
    element = width * prod(source.shape[line + 1 :])
    one = axes[line]
    fields: dict[str, Field] = {
        **_sizes(outer),
        "line_before": one.before * element,
        "line_run": one.input * element,
        "line_after": (one.output - one.input - one.before) * element,
        "width": width,
        "value": _bits(op, width),
    }
    function = "ek_pad_rows" if by_rows else "ek_pad"
    rows = Rows(1, axes[1].before, 1) if by_rows else None
    ahead = (_ahead([*outer, one], element),)
    return Call(op, function, "ek_pad.h", fields, (source,), (output,), ahead=ahead, rows=rows)


def lower_mirror_pad(op: Op, settings: Settings) -> Call:
    """A border that mirrors what it surrounds."""
    source = source_of(op)
    axes = _axes(op)
    padded = [axis for axis, one in enumerate(axes) if one.input != one.output]
    last = max(padded, default=0)
    mirrored = axes[: last + 1]
    if len(mirrored) > _MIRROR_AXES:
        raise ModelError(f"MIRROR_PAD '{op.name}' pads more axes than C is generated for.")
    fields: dict[str, Field] = {
        **_sizes([*[Axis(1, 1, 0)] * (_MIRROR_AXES - len(mirrored)), *mirrored]),
        "with_edge": int(op.options.mode),
        "bytes": width_of(op, source) * prod(source.shape[last + 1 :]),
    }
    return Call(op, "ek_mirror_pad", "ek_pad.h", fields, (source,), (op.outputs[0],), ahead=(None,))


def _axes(op: Op) -> list[Axis]:
    before = integers_of(op, 1)[::2]
    return [Axis(*sizes) for sizes in zip(source_of(op).shape, op.outputs[0].shape, before, strict=True)]


def _sizes(axes: list[Axis]) -> dict[str, Field]:
    return {
        "in_sizes": tuple(axis.input for axis in axes),
        "out_sizes": tuple(axis.output for axis in axes),
        "before": tuple(axis.before for axis in axes),
    }


def _bits(op: Op, width: int) -> int:
    """The border's element as a signed number of its bits."""
    source = source_of(op)
    kind = np.dtype(f"i{width}")
    if op.kind == "PADV2":
        value = source_of(op, 2)
        if value.data is None:
            raise ModelError(f"PADV2 '{op.name}' computes its border while it runs; C needs it constant.")
        return int(np.asarray(value.data).reshape(-1)[:1].view(kind)[0])
    return int(np.full(1, zero_point_of(source), source.dtype.numpy).view(kind)[0])


def _ahead(axes: list[Axis], element_bytes: int) -> int:
    """A line is read when all before it are written; the last one is furthest behind."""
    read = written = 0
    for axis in axes[:-1]:
        read = read * axis.input + axis.input - 1
        written = written * axis.output + axis.input - 1 + axis.before
    return (written * axes[-1].output + axes[-1].before - read * axes[-1].input) * element_bytes
