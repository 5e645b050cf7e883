"""MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.move import strides
from edgekit.codegen.kernels.quantized import Multiplier, multiplier_of, scale_of, zero_point_of
from edgekit.codegen.kernels.typed import axis_of, integers_of, same_type, source_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op
from edgekit.graph.types import DType

_AXES = 3
_PICKS = {"REDUCE_MAX": "max", "REDUCE_ANY": "max", "REDUCE_MIN": "min", "REDUCE_ALL": "min"}


@dataclass(frozen=True, slots=True)
class Axes:
    """(size, step in elements) of the axes that stay and of those that go; neighbours are merged."""

    kept: list[tuple[int, int]]
    gone: list[tuple[int, int]]

    @property
    def count(self) -> int:
        """Elements that become one."""
        product = 1
        for size, _ in self.gone:
            product *= size
        return product


def lower_sum(op: Op, settings: Settings) -> Call:
    """MEAN and SUM on the output's scale."""
    source, output = source_of(op), op.outputs[0]
    suffix = same_type(op, (source, output), DType.INT8, DType.INT16)
    axes = _axes(op)
    multiplier = multiplier_of(scale_of(source) / scale_of(output))
    if op.kind == "MEAN":
        multiplier = _divided(multiplier, axes.count)
    fields: dict[str, Field] = {
        **_walk(op, axes),
        "zero_points": zero_point_of(source) * axes.count,
        "mantissa": multiplier.mantissa,
        "shift": multiplier.shift,
        "out_zero_point": zero_point_of(output),
    }
    return Call(op, f"ek_reduce_sum_{suffix}", "ek_reduce.h", fields, (source,), (output,), ahead=(None,))


def lower_pick(op: Op, settings: Settings) -> Call:
    """The greatest or the least; of booleans, any and all."""
    source, output = source_of(op), op.outputs[0]
    suffix = same_type(op, (source, output), DType.INT8, DType.INT16, DType.INT32, DType.BOOL)
    function = f"ek_reduce_{_PICKS[op.kind]}_{suffix}"
    return Call(op, function, "ek_reduce.h", _walk(op, _axes(op)), (source,), (output,), ahead=(None,))


def _divided(multiplier: Multiplier, count: int) -> Multiplier:
    """The multiplier over a number of elements, as QuantizedMeanOrSum of
    tensorflow/lite/kernels/internal/reference/reduce.h divides it."""
    shift = min(count.bit_length() - 1, 32, 31 + multiplier.shift)
    return Multiplier((multiplier.mantissa << shift) // count, multiplier.shift - shift)


def _axes(op: Op) -> Axes:
    shape = source_of(op).shape
    gone = {axis_of(op, axis, len(shape)) for axis in integers_of(op, 1)}
    merged: list[tuple[int, int, bool]] = []
    for axis, (size, step) in enumerate(zip(shape, strides(shape), strict=True)):
        if size == 1:
            continue
        if merged and merged[-1][2] == (axis in gone):
            merged[-1] = (merged[-1][0] * size, step, axis in gone)
        else:
            merged.append((size, step, axis in gone))
    kept = [(size, step) for size, step, goes in merged if not goes]
    return Axes(kept, [(size, step) for size, step, goes in merged if goes])


def _walk(op: Op, axes: Axes) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for name, group in (("kept", axes.kept), ("gone", axes.gone)):
        if len(group) > _AXES:
            raise ModelError(f"{op.label} '{op.name}' reduces along more axes than C is generated for.")
        full = [(1, 0)] * (_AXES - len(group)) + group
        fields[f"{name}_sizes"] = tuple(size for size, _ in full)
        fields[f"{name}_steps"] = tuple(step for _, step in full)
    return fields
