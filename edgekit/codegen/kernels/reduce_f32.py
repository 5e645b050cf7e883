"""MEAN, SUM, REDUCE_MAX and REDUCE_MIN on float32."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.typed import source_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor

_AXES = 4
_GREATEST = float(np.finfo(np.float32).max)
_FUNCTIONS = {
    "MEAN": ("ek_sum_f32", 0.0),
    "SUM": ("ek_sum_f32", 0.0),
    "REDUCE_MAX": ("ek_greatest_f32", -_GREATEST),
    "REDUCE_MIN": ("ek_least_f32", _GREATEST),
}


def lower_reduce_f32(op: Op, settings: Settings) -> Call:
    """Over any axes; each output's elements are visited in the input's order, as TFLite's reference does."""
    source, output = source_of(op), op.outputs[0]
    function, start = _FUNCTIONS[op.kind]
    reduced = _reduced_axes(op, source)
    steps = [int(np.prod(source.shape[axis + 1 :])) for axis in range(len(source.shape))]
    fields: dict[str, Field] = {"outputs": output.size, "start": start}
    for name, wanted in (("kept", False), ("reduced", True)):
        axes = [axis for axis in range(len(source.shape)) if (axis in reduced) is wanted and source.shape[axis] != 1]
        if len(axes) > _AXES:
            raise ModelError(f"{op.label} '{op.name}' has {len(axes)} {name} axes; C is generated for {_AXES}.")
        fields[f"{name}_sizes"] = (1,) * (_AXES - len(axes)) + tuple(source.shape[axis] for axis in axes)
        fields[f"{name}_steps"] = (0,) * (_AXES - len(axes)) + tuple(steps[axis] for axis in axes)
    fields["divisor"] = float(source.size // output.size) if op.kind == "MEAN" else 1.0
    return Call(op, function, "ek_reduce_f32.h", fields, (source,), (output,), ahead=(None,))


def _reduced_axes(op: Op, source: Tensor) -> set[int]:
    axes = source_of(op, 1)
    if axes.data is None:
        raise ModelError(f"{op.label} '{op.name}' has axes that are computed while it runs; C needs constant ones.")
    return {int(axis) % len(source.shape) for axis in np.asarray(axes.data).reshape(-1)}
