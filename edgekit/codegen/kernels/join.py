"""CONCATENATION and PACK, SPLIT, SPLIT_V and UNPACK: views where the parts follow one another, else copies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Settings, View
from edgekit.codegen.kernels.quantized import scale_of, zero_point_of
from edgekit.codegen.kernels.typed import axis_of, integers_of, source_of, width_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor

_PARTS = 8
"""Computed ones; there are as many functions."""
_ALL_PARTS = 16


def lower_join(op: Op, settings: Settings) -> Call:
    """CONCATENATION and PACK. The parts have the whole's scale; the reference kernels know no other."""
    parts, whole = [source_of(op, position) for position in range(len(op.inputs))], op.outputs[0]
    for part in parts:
        _require_alike(op, part, whole)
    if op.kind == "CONCATENATION" and int(op.options.fusedActivationFunction) != 0:
        raise ModelError(f"CONCATENATION '{op.name}' has a fused activation; C has none for it.")
    outer = prod(whole.shape[: axis_of(op, int(op.options.axis), len(whole.shape))])
    computed = tuple(part for part in parts if not part.is_constant)
    views = () if len(computed) < len(parts) else _views(parts, whole, outer)
    function = _function(op, "ek_join", len(computed), views)
    fields = {**_turns(op, parts, whole, outer), **_constants(parts)} if function else {}
    header, apart = "ek_join.h" if function else "", (None,) * len(computed)
    return Call(op, function, header, fields, computed, (whole,), ahead=apart, views=views)


def lower_part(op: Op, settings: Settings) -> Call:
    """SPLIT, SPLIT_V and UNPACK."""
    whole = source_of(op, 1 if op.kind == "SPLIT" else 0)
    outer = prod(whole.shape[: axis_of(op, _axis(op), len(whole.shape))])
    views = _views(op.outputs, whole, outer)
    function = _function(op, "ek_part", len(op.outputs), views)
    fields = _turns(op, op.outputs, whole, outer) if function else {}
    header = "ek_join.h" if function else ""
    return Call(op, function, header, fields, (whole,), tuple(op.outputs), ahead=(None,), views=views)


def _axis(op: Op) -> int:
    if op.kind == "UNPACK":
        return int(op.options.axis)
    return integers_of(op, 0 if op.kind == "SPLIT" else 2)[0]


def _require_alike(op: Op, part: Tensor, whole: Tensor) -> None:
    if part.dtype is not whole.dtype or _numbers(part) != _numbers(whole):
        raise ModelError(f"{op.label} '{op.name}' joins '{part.name}' of another type or scale than the whole's.")


def _numbers(tensor: Tensor) -> tuple[float, int]:
    return (scale_of(tensor), zero_point_of(tensor)) if tensor.is_quantized else (0.0, 0)


def _views(parts: Sequence[Tensor], whole: Tensor, outer: int) -> tuple[View, ...]:
    """The parts one after the other, if they are."""
    offsets = [0, *accumulate(part.nbytes for part in parts)]
    return tuple(View(part, whole, offset) for part, offset in zip(parts, offsets, strict=False)) if outer == 1 else ()


def _function(op: Op, function: str, count: int, views: tuple[View, ...]) -> str:
    """The one with so many parts; "" where there are more, and nothing but views will do."""
    if count == 0:
        raise ModelError(f"{op.label} '{op.name}' has nothing but constants; fold it before C is generated.")
    if count > _PARTS and not views:
        raise ModelError(f"{op.label} '{op.name}' has {count} parts; C is generated for up to {_PARTS}.")
    return f"{function}_{count}" if count <= _PARTS else ""


def _turns(op: Op, parts: Sequence[Tensor], whole: Tensor, outer: int) -> dict[str, Field]:
    width_of(op, whole)
    if len(parts) > _ALL_PARTS:
        raise ModelError(f"{op.label} '{op.name}' has {len(parts)} parts; C is generated for up to {_ALL_PARTS}.")
    return {"outer": outer, "count": len(parts), "bytes": tuple(part.nbytes // outer for part in parts)}


def _constants(parts: Sequence[Tensor]) -> dict[str, Field]:
    """The parts in flash, one after the other."""
    data = b"".join(np.asarray(part.data).tobytes() for part in parts if part.is_constant)
    if not data:
        return {}
    bits = sum(1 << i for i, part in enumerate(parts) if part.is_constant)
    return {"are_constant": bits, "constants": Constant(np.frombuffer(data, np.uint8), align=1)}
