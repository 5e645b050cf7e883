"""Element types of tensors: the schema's number, the width in bits, and the numpy type that holds one element."""

from __future__ import annotations

import enum
from functools import cache

import numpy as np
from numpy.typing import DTypeLike

from edgekit.core.errors import ModelError


class DType(enum.Enum):
    """The TFLite schema's TensorType; a member's value is the schema's number."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18
    INT2 = 19
    UINT4 = 20
    FLOAT8_E4M3FN = 21
    FLOAT8_E5M2 = 22

    @property
    def label(self) -> str:
        """The name in messages and reports: "int8"."""
        return self.name.lower()

    @property
    def bits(self) -> int:
        """Bits of one element in memory and in the file; 0 where elements have no fixed size (strings, resources,
        variants)."""
        return _BITS[self]

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy type that holds one element; elements under 8 bits are held in a byte each.

        Raises:
            ModelError: numpy has no such type (strings, resources, bfloat16, float8).
        """
        name = _NUMPY.get(self)
        if name is None:
            raise ModelError(f"Tensors of type {self.label} have no numpy form.")
        return np.dtype(name)

    @property
    def is_float(self) -> bool:
        """True for the real floating point types of any width."""
        return self in _FLOATS

    @property
    def is_integer(self) -> bool:
        """True for the signed and unsigned integer types of any width."""
        return self.name.startswith(("INT", "UINT"))

    @property
    def integer_range(self) -> tuple[int, int] | None:
        """The least and the greatest value of an integer type, or None for all others."""
        if not self.is_integer:
            return None
        signed = self.name.startswith("INT")
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if signed else (0, (1 << self.bits) - 1)

    @staticmethod
    def of(dtype: DTypeLike) -> DType:
        """The type of tensors that hold a numpy type; int8 is INT8, never INT4.

        Raises:
            ModelError: there is none.
        """
        found = _by_numpy().get(np.dtype(dtype).name)
        if found is None:
            raise ModelError(f"A TFLite model has no tensors of numpy type {np.dtype(dtype).name}.")
        return found

    @staticmethod
    def from_code(code: int) -> DType:
        """The type with the schema's number `code`.

        Raises:
            ModelError: no type has it.
        """
        try:
            return DType(code)
        except ValueError as error:
            raise ModelError(f"No tensor type has the number {code}.") from error


_BITS = {
    DType.FLOAT32: 32, DType.FLOAT16: 16, DType.INT32: 32, DType.UINT8: 8, DType.INT64: 64, DType.STRING: 0,
    DType.BOOL: 8,
    DType.INT16: 16, DType.COMPLEX64: 64, DType.INT8: 8, DType.FLOAT64: 64, DType.COMPLEX128: 128, DType.UINT64: 64,
    DType.RESOURCE: 0, DType.VARIANT: 0, DType.UINT32: 32, DType.UINT16: 16, DType.INT4: 4, DType.BFLOAT16: 16,
    DType.INT2: 2,
    DType.UINT4: 4, DType.FLOAT8_E4M3FN: 8, DType.FLOAT8_E5M2: 8,
}  # fmt: skip
_WIDE = (
    DType.FLOAT32, DType.FLOAT16, DType.INT32, DType.UINT8, DType.INT64, DType.BOOL, DType.INT16, DType.COMPLEX64,
    DType.INT8,
    DType.FLOAT64, DType.COMPLEX128, DType.UINT64, DType.UINT32, DType.UINT16,
)  # fmt: skip
_NUMPY = {d: d.label for d in _WIDE} | {DType.INT4: "int8", DType.INT2: "int8", DType.UINT4: "uint8"}
_FLOATS = frozenset({
    DType.FLOAT32, DType.FLOAT16, DType.FLOAT64, DType.BFLOAT16, DType.FLOAT8_E4M3FN, DType.FLOAT8_E5M2,
})  # fmt: skip


@cache
def _by_numpy() -> dict[str, DType]:
    return {np.dtype(d.label).name: d for d in _WIDE}
