"""A value of a graph and what it holds: Tensor, Quantization, Buffer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import ModelError
from edgekit.graph.packing import pack, packed_size, unpack
from edgekit.graph.types import DType

Bytes = bytes | memoryview

_ABSENT_IN_TENSORS = frozenset({"variant_tensors"})


@dataclass(eq=False, slots=True)
class Buffer:
    """Bytes of constants, shared by every tensor and metadata entry that references it.

    Attributes:
        data: the bytes, never changed in place; None where the file has no data.
        external: the bytes stand behind the flatbuffer (files over 2 GB) and are written there again.
        keep: nothing referenced it in the file that was read, and it is written all the same.
    """

    data: Bytes | None = None
    external: bool = False
    keep: bool = False

    @property
    def nbytes(self) -> int:
        """Bytes of data; 0 where there is none."""
        return 0 if self.data is None else len(self.data)

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        return Buffer(self.data, self.external, self.keep)


def _no_scales() -> NDArray[np.float32]:
    return np.zeros(0, np.float32)


def _no_zero_points() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(eq=False, slots=True)
class Quantization:
    """How integers stand for reals: real = scale * (integer - zero_point).

    Attributes:
        scale: float32 (n,): n is 1 for the whole tensor, shape[axis] for one a channel, 0 where only a range is
            recorded.
        zero_point: int64 (n,).
        axis: the channel axis (the schema's quantized_dimension).
        min, max: the ranges that a converter recorded, or None.
        details: the schema's details object (custom, blockwise, multi-axis) or None; the tensor indices in it are
            stale.
        scales_tensor, zero_points_tensor: what those indices stand for.
    """

    scale: NDArray[np.float32] = field(default_factory=_no_scales)
    zero_point: NDArray[np.int64] = field(default_factory=_no_zero_points)
    axis: int = 0
    min: NDArray[np.float32] | None = None
    max: NDArray[np.float32] | None = None
    details: Any = None
    details_type: int = 0
    scales_tensor: Tensor | None = None
    zero_points_tensor: Tensor | None = None
    absent: frozenset[str] = frozenset({"scale", "zero_point"})

    @property
    def is_per_channel(self) -> bool:
        """One scale for each index of `axis`; a single scale is per tensor."""
        return self.scale.size > 1


@dataclass(eq=False, slots=True)
class ExternalBuffer:
    """Constant bytes in a file of their own (schema ExternalBuffer): where, not what."""

    number: int
    group: int
    offset: int
    length: int
    packing: str | None = None


@dataclass(eq=False, slots=True)
class Tensor:
    """A value of a graph: an activation, a constant, or a variable that lives across runs.

    Attributes:
        shape: sizes; unknown ones are 1 here and -1 in `shape_signature`.
        sparsity, variant_tensors: the schema's objects, kept as they are.
        absent: vector fields that the file lacks and that are not written when empty.
    """

    name: str
    shape: tuple[int, ...]
    dtype: DType
    buffer: Buffer = field(default_factory=Buffer)
    quantization: Quantization | None = None
    shape_signature: tuple[int, ...] | None = None
    is_variable: bool = False
    has_rank: bool = False
    sparsity: Any = None
    variant_tensors: list[Any] = field(default_factory=list)
    external_buffer: ExternalBuffer | None = None
    absent: frozenset[str] = _ABSENT_IN_TENSORS

    def __repr__(self) -> str:
        return f"Tensor({self.name!r}, {self.dtype.label}{list(self.shape)})"

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=object)) if self.shape else 1

    @property
    def nbytes(self) -> int:
        """Bytes in memory at its type, elements under 8 bits packed; the data's own size where elements have none."""
        return packed_size(self.size, self.dtype.bits) if self.dtype.bits else self.buffer.nbytes

    @property
    def is_constant(self) -> bool:
        """Its value stands in the file (or in one beside it)."""
        return self.buffer.nbytes > 0 or self.external_buffer is not None

    @property
    def is_quantized(self) -> bool:
        """Its integers have a scale: in its quantization, or in the tensors that the details name."""
        q = self.quantization
        return q is not None and (q.scale.size > 0 or q.scales_tensor is not None)

    @property
    def data(self) -> NDArray[Any] | None:
        """The constant's value in `shape`, elements under 8 bits one a byte; None if it is no constant. May be
        read-only.

        Raises:
            ModelError: the value is sparse, external, of a type that numpy lacks, or of a size that is not the shape's.
        """
        if not self.is_constant:
            return None
        if self.sparsity is not None or self.external_buffer is not None:
            raise ModelError(
                f"Tensor '{self.name}' holds {'sparse' if self.sparsity is not None else 'external'} data."
            )
        dtype = self.dtype.numpy
        raw = np.frombuffer(self.buffer.data or b"", np.uint8)
        if raw.size != self.nbytes:
            what = f"Tensor '{self.name}' of {self.dtype.label}{list(self.shape)}"
            raise ModelError(f"{what} needs {self.nbytes} bytes, its buffer has {raw.size}.")
        if self.dtype.bits < 8:
            return unpack(raw, self.size, self.dtype.bits, signed=dtype.kind == "i").reshape(self.shape)
        return raw.view(dtype).reshape(self.shape)

    def set_data(self, array: NDArray[Any]) -> None:
        """Makes it a constant with this value in a buffer of its own; `shape` follows the array, `dtype` does not
        change.

        Raises:
            ModelError: the array's type is not the tensor's.
        """
        if array.dtype != self.dtype.numpy:
            raise ModelError(f"Tensor '{self.name}' is {self.dtype.label}, the data to set is {array.dtype}.")
        dense = np.ascontiguousarray(array)
        packed = pack(dense, self.dtype.bits) if self.dtype.bits < 8 else dense
        self.buffer = Buffer(packed.tobytes())
        self.shape, self.shape_signature = tuple(array.shape), None
        self.sparsity, self.external_buffer = None, None
