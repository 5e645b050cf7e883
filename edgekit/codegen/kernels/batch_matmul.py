"""BATCH_MATMUL on int8, int16 and float32."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.quantized import Multiplier, multiplier_of, scale_of, zero_point_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

_BATCH_AXES = 3
_SUFFIXES = {DType.INT8: "s8", DType.INT16: "s16", DType.FLOAT32: "f32"}


def lower_batch_matmul(op: Op, settings: Settings) -> Call:
    """Matrices of up to three batch axes; the right ones may be constant."""
    left, right = op.inputs
    output = op.outputs[0]
    if left is None or right is None or left.is_constant or left.dtype not in _SUFFIXES:
        raise ModelError(f"{op.label} '{op.name}' has no C: its left matrix is constant or of a type without a kernel.")
    if right.dtype is not left.dtype or output.dtype is not left.dtype:
        labels = f"{left.dtype.label} by {right.dtype.label} into {output.dtype.label}"
        raise ModelError(f"{op.label} '{op.name}' multiplies {labels}; C is generated for one type throughout.")
    function = f"ek_batch_matmul_{_SUFFIXES[left.dtype]}"
    fields = {**_shape(op, left, right), "right": Constant(_values(right)) if right.is_constant else "0"}
    return Call(
        op,
        f"{function}_constant" if right.is_constant else function,
        f"{function}.h",
        {**fields, **_scales(op, left, right)},
        inputs=(left,) if right.is_constant else (left, right),
        outputs=(output,),
        ahead=(None,) if right.is_constant else (None, None),
        macs=output.size * _sizes(left, bool(op.options.adjX))[1],
    )


def _values(right: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return np.asarray(right.data)


def _sizes(tensor: Tensor, is_swapped: bool) -> tuple[int, int]:
    """Rows and columns of a tensor's matrices."""
    rows, columns = tensor.shape[-2:]
    return (columns, rows) if is_swapped else (rows, columns)


def _shape(op: Op, left: Tensor, right: Tensor) -> dict[str, Field]:
    """The members of `ek_matmul` (ek_batch_matmul.h)."""
    left_swapped, right_swapped = bool(op.options.adjX), bool(op.options.adjY)
    rows, depth = _sizes(left, left_swapped)
    columns = _sizes(right, right_swapped)[1]
    batches = tuple(max(pair) for pair in zip(_batch_axes(op, left), _batch_axes(op, right), strict=True))
    members: dict[str, Field] = {
        "batches": batches,
        "left_batch": _batch_strides(op, left), "right_batch": _batch_strides(op, right),
        "rows": rows, "columns": columns, "depth": depth,
        "left_row": 1 if left_swapped else depth, "left_step": rows if left_swapped else 1,
        "right_column": depth if right_swapped else 1, "right_step": 1 if right_swapped else columns,
    }  # fmt: skip
    return {f"shape.{name}": value for name, value in members.items()}


def _batch_axes(op: Op, tensor: Tensor) -> tuple[int, ...]:
    axes = tensor.shape[:-2]
    if len(tensor.shape) < 2 or len(axes) > _BATCH_AXES:
        raise ModelError(f"{op.label} '{op.name}' has a tensor of {len(tensor.shape)} axes; C is generated for 2 to 5.")
    return (1,) * (_BATCH_AXES - len(axes)) + axes


def _batch_strides(op: Op, tensor: Tensor) -> tuple[int, ...]:
    """Elements from one matrix to the next along each batch axis; 0 along one that is repeated."""
    axes = _batch_axes(op, tensor)
    matrix = tensor.shape[-1] * tensor.shape[-2]
    inner = tuple(accumulate(reversed(axes[1:]), lambda size, axis: size * axis, initial=matrix))[::-1]
    return tuple(0 if axis == 1 else stride for axis, stride in zip(axes, inner, strict=True))


def _scales(op: Op, left: Tensor, right: Tensor) -> dict[str, Field]:
    if left.dtype is DType.FLOAT32:
        return {}
    output = op.outputs[0]
    product = np.float32(scale_of(left)) * np.float32(scale_of(right))
    multiplier = multiplier_of(float(product) / scale_of(output))
    zero_points = zero_point_of(left), zero_point_of(right), zero_point_of(output)
    if left.dtype is DType.INT16:
        if any(zero_points):
            raise ModelError(
                f"{op.label} '{op.name}' is int16 with a zero point that is not 0; its arithmetic has none."
            )
        return _wide(multiplier)
    return {
        "left_zero_point": zero_points[0], "right_zero_point": zero_points[1], "output_zero_point": zero_points[2],
        "mantissa": multiplier.mantissa, "shift": multiplier.shift,
    }  # fmt: skip


def _wide(multiplier: Multiplier) -> dict[str, Field]:
    """For sums of 64 bits, with a mantissa of 15."""
    return {"mantissa": min((multiplier.mantissa + (1 << 15)) >> 16, 0x7FFF), "shift": 15 - multiplier.shift}
