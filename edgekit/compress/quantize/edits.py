"""New operators and tensors, as the quantizing rewrites need them."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from edgekit.graph.model import Op, Quantization, Tensor
from edgekit.graph.types import DType


def new_op(kind: str, inputs: list[Tensor | None], outputs: list[Tensor], options: Any = None) -> Op:
    """An operator of the schema in its first version."""
    return Op(kind, inputs, outputs, options)


def constant(name: str, values: npt.NDArray[Any], dtype: DType) -> Tensor:
    """A tensor with a value in a buffer of its own."""
    tensor = Tensor(name, values.shape, dtype)
    tensor.set_data(values)
    return tensor


def new_quantized(name: str, like: Tensor, dtype: DType, grid: Quantization) -> Tensor:
    """An activation shaped like another one, stored as integers on a grid."""
    return Tensor(name, like.shape, dtype, quantization=grid, shape_signature=like.shape_signature)
