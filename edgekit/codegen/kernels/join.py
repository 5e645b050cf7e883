"""CONCATENATION and PACK, SPLIT, SPLIT_V and UNPACK: views where the parts follow one another, else copies."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod

from edgekit.codegen.call import Call, Field, Settings, View
from edgekit.codegen.kernels.quantized import scale_of, zero_point_of
from edgekit.codegen.kernels.typed import axis_of, integers_of, source_of, width_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor

_PARTS = 8


def lower_join(op: Op, settings: Settings) -> Call:
    """CONCATENATION and PACK. The parts have the whole's scale; the reference kernels know no other."""
    parts, whole = [source_of(op, position) for position in range(len(op.inputs))], op.outputs[0]
    for part in parts:
        _require_alike(op, part, whole)
    if op.kind == "CONCATENATION" and int(op.options.fusedActivationFunction) != 0:
        raise ModelError(f"CONCATENATION '{op.name}' has a fused activation; C has none for it.")
    axis = axis_of(op, int(op.options.axis), len(whole.shape))
    fields, views = _turns(op, parts, whole, prod(whole.shape[:axis]))
    function, apart = f"ek_join_{len(parts)}", (None,) * len(parts)
    return Call(op, function, "ek_join.h", fields, tuple(parts), (whole,), ahead=apart, views=views)


def lower_part(op: Op, settings: Settings) -> Call:
    """SPLIT, SPLIT_V and UNPACK."""
    whole = source_of(op, 1 if op.kind == "SPLIT" else 0)
    axis = {
        "SPLIT": lambda: integers_of(op, 0)[0],
        "SPLIT_V": lambda: integers_of(op, 2)[0],
        "UNPACK": lambda: int(op.options.axis),
    }[op.kind]()
    outer = prod(whole.shape[: axis_of(op, axis, len(whole.shape))])
    fields, views = _turns(op, op.outputs, whole, outer)
    function = f"ek_part_{len(op.outputs)}"
    return Call(op, function, "ek_join.h", fields, (whole,), tuple(op.outputs), ahead=(None,), views=views)


def _require_alike(op: Op, part: Tensor, whole: Tensor) -> None:
    if part.is_constant:
        raise ModelError(f"{op.label} '{op.name}' has the constant part '{part.name}'; C joins computed ones.")
    if part.dtype is not whole.dtype or _numbers(part) != _numbers(whole):
        raise ModelError(f"{op.label} '{op.name}' joins '{part.name}' of another type or scale than the whole's.")


def _numbers(tensor: Tensor) -> tuple[float, int]:
    return (scale_of(tensor), zero_point_of(tensor)) if tensor.is_quantized else (0.0, 0)


def _turns(
    op: Op, parts: Sequence[Tensor], whole: Tensor, outer: int
) -> tuple[dict[str, Field], tuple[View, ...]]:  # fmt: skip
    width_of(op, whole)
    if len(parts) > _PARTS:
        raise ModelError(f"{op.label} '{op.name}' has {len(parts)} parts; C is generated for up to {_PARTS}.")
    sizes = [part.nbytes // outer for part in parts]
    offsets = [0, *accumulate(sizes)]
    views = tuple(View(part, whole, offset) for part, offset in zip(parts, offsets, strict=False)) if outer == 1 else ()
    return {"outer": outer, "count": len(parts), "bytes": tuple(sizes)}, views
