"""Tensors in C: their type, and their place in the arena."""

from __future__ import annotations

from edgekit.core.errors import ModelError
from edgekit.graph.tensor import Tensor
from edgekit.graph.types import DType

C_TYPES = {
    DType.INT8: "int8_t", DType.UINT8: "uint8_t", DType.INT16: "int16_t", DType.INT32: "int32_t", DType.BOOL: "uint8_t",
    DType.INT64: "int64_t", DType.FLOAT32: "float", DType.UINT32: "uint32_t", DType.UINT16: "uint16_t",
}  # fmt: skip


def c_type(tensor: Tensor) -> str:
    """The C type of an element. Raises ModelError where C has none."""
    if tensor.dtype not in C_TYPES:
        raise ModelError(f"No C is generated for tensors of {tensor.dtype.label} ('{tensor.name}').")
    return C_TYPES[tensor.dtype]


def at(offset: int) -> str:
    """A place in the arena, without a type."""
    return f"(void *)&ek_arena.bytes[{offset}]"
