"""Element types of tensors, with the numbers of the TFLite schema (`TensorType` in schema.fbs)."""

from __future__ import annotations

import enum

import numpy as np
from numpy.typing import DTypeLike

from edgekit.core.errors import ModelError


class DType(enum.Enum):
    """An element type; the value is its number in the schema."""

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
        """Its name in text: `"int8"`."""
        return self.name.lower()

    @property
    def bits(self) -> int:
        """Bits of one element in a buffer; 0 where elements have no fixed size. int4 and int2 are packed."""
        return _BITS.get(self, 0)

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The numpy type that holds one element (int8 for int4 and int2). Raises ModelError for types without one."""
        try:
            return np.dtype(_NUMPY[self])
        except KeyError:
            raise ModelError(f"tensors of type {self.label} cannot be read as an array") from None

    @property
    def is_integer(self) -> bool:
        """Whether elements are whole numbers."""
        return self in _NUMPY and np.dtype(_NUMPY[self]).kind in "iu"

    @property
    def is_float(self) -> bool:
        """Whether elements are real numbers."""
        return self.name.startswith(("FLOAT", "BFLOAT"))

    @classmethod
    def of(cls, dtype: DTypeLike) -> DType:
        """The type of a numpy array's elements. Raises ModelError where TFLite has none."""
        name = np.dtype(dtype).name
        for member in cls:
            if member in _NUMPY and member not in _PACKED and np.dtype(_NUMPY[member]).name == name:
                return member
        raise ModelError(f"TFLite has no tensors of type {name}")


_NUMPY: dict[DType, str] = {
    DType.FLOAT32: "float32",
    DType.FLOAT16: "float16",
    DType.FLOAT64: "float64",
    DType.COMPLEX64: "complex64",
    DType.COMPLEX128: "complex128",
    DType.BOOL: "bool",
    DType.INT4: "int8",
    DType.INT2: "int8",
    DType.UINT4: "uint8",
} | {DType[f"{sign}INT{bits}"]: f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
_PACKED = {DType.INT4: 4, DType.UINT4: 4, DType.INT2: 2}
_BITS: dict[DType, int] = {
    **{dtype: 8 * np.dtype(name).itemsize for dtype, name in _NUMPY.items()},
    **_PACKED,
    DType.BFLOAT16: 16,
    DType.FLOAT8_E4M3FN: 8,
    DType.FLOAT8_E5M2: 8,
}


def unpack_bits(data: np.ndarray, count: int, dtype: DType) -> np.ndarray:
    """`count` elements of a packed type, lowest bits first, as one byte each; `data` is uint8."""
    width = dtype.bits
    shifts = np.arange(0, 8, width, dtype=np.uint8)
    values = ((data[:, None] >> shifts) & ((1 << width) - 1)).reshape(-1)[:count]
    if dtype is DType.UINT4:
        return values.astype(np.uint8)
    sign = 1 << (width - 1)
    return ((values.astype(np.int16) ^ sign) - sign).astype(np.int8)


def pack_bits(values: np.ndarray, dtype: DType) -> np.ndarray:
    """The inverse of `unpack_bits`: uint8, the last byte filled up with zeros."""
    width = dtype.bits
    per_byte = 8 // width
    flat = values.reshape(-1).astype(np.uint8) & ((1 << width) - 1)
    padded = np.concatenate([flat, np.zeros(-len(flat) % per_byte, np.uint8)]).reshape(-1, per_byte)
    shifts = np.arange(0, 8, width, dtype=np.uint8)
    return np.bitwise_or.reduce(padded << shifts, axis=1).astype(np.uint8)
