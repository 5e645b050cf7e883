"""What an operator's element types say: which C function computes it, and the sentence where none does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

SUFFIXES = {
    DType.INT8: "s8", DType.INT16: "s16", DType.INT32: "s32", DType.FLOAT32: "f32", DType.INT64: "s64",
    DType.UINT8: "u8", DType.BOOL: "b8",
}  # fmt: skip


def source_of(op: Op, position: int = 0) -> Tensor:
    """The input at `position`. Raises ModelError where the operator has none."""
    found = op.inputs[position] if position < len(op.inputs) else None
    if found is None:
        raise ModelError(f"{op.label} '{op.name}' has no input {position}.")
    return found


def unsupported(op: Op, tensor: Tensor) -> ModelError:
    """No kernel takes a tensor of this type."""
    return ModelError(f"No C is generated for {op.label} on {tensor.dtype.label} ('{op.name}' has '{tensor.name}').")


def suffix_of(op: Op, tensor: Tensor, *dtypes: DType) -> str:
    """ "s8", … for the tensor's type. Raises ModelError where it is none of `dtypes`."""
    if tensor.dtype not in dtypes:
        raise unsupported(op, tensor)
    return SUFFIXES[tensor.dtype]


def same_type(op: Op, tensors: Sequence[Tensor], *dtypes: DType) -> str:
    """The suffix of the one type that all `tensors` have. Raises ModelError where they differ, or it is none of
    `dtypes`."""
    for tensor in tensors:
        if tensor.dtype is not tensors[0].dtype:
            raise unsupported(op, tensor)
    return suffix_of(op, tensors[0], *dtypes)


def integers_of(op: Op, position: int) -> list[int]:
    """The values of a constant input: axes, sizes, paddings. Raises ModelError where it is not constant."""
    tensor = source_of(op, position)
    if not tensor.is_constant or tensor.data is None:
        raise ModelError(f"{op.label} '{op.name}' computes '{tensor.name}' while it runs; C needs it constant.")
    return [int(value) for value in np.asarray(tensor.data).reshape(-1)]


def width_of(op: Op, tensor: Tensor) -> int:
    """Bytes of an element. Raises ModelError for types that have none, or are packed."""
    if tensor.dtype.bits not in (8, 16, 32, 64):
        raise unsupported(op, tensor)
    return tensor.dtype.bits // 8


def axis_of(op: Op, axis: int, rank: int) -> int:
    """An axis counted from the first one. Raises ModelError where there is no such axis."""
    if not -rank <= axis < rank:
        raise ModelError(f"{op.label} '{op.name}' names axis {axis} of a tensor of {rank} axes.")
    return axis % rank


def shifted(source: Tensor, output: Tensor) -> int | None:
    """`Call.ahead` of a kernel that goes element by element: None between types that C lets no pointers share."""
    if source.dtype is not output.dtype and min(source.dtype.bits, output.dtype.bits) > 8:
        return None
    return max(0, output.nbytes - source.nbytes)
