"""Operations on the numbers of any array: scale, normalize, cast, reshape, transpose."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.data.array_spec import TEXT, ArraySpec, format_shape


@dataclass(frozen=True, slots=True)
class Scale:
    """`y = float32(x) * float32(factor) + float32(offset)`, each step rounded to float32."""

    op: ClassVar[str] = "scale"
    factor: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        require_finite(self.op, (self.factor, self.offset))

    def result(self, spec: ArraySpec) -> ArraySpec:
        require_numbers(self.op, spec)
        return ArraySpec(spec.shape, "float32")

    def apply(self, value: np.ndarray) -> np.ndarray:
        return value.astype(np.float32) * np.float32(self.factor) + np.float32(self.offset)


@dataclass(frozen=True, slots=True)
class Normalize:
    """`y = (float32(x) - float32(mean)) / float32(std)` along the last axis; one number stands for all channels."""

    op: ClassVar[str] = "normalize"
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        require_finite(self.op, self.mean + self.std)
        if len(self.mean) != len(self.std) or not self.mean:
            raise DatasetError(f"normalize has {len(self.mean)} means and {len(self.std)} standard deviations")
        if min(self.std) <= 0:
            raise DatasetError(f"normalize has a standard deviation of {min(self.std)}; it must be above 0")

    def result(self, spec: ArraySpec) -> ArraySpec:
        require_numbers(self.op, spec)
        if len(self.mean) > 1 and spec.shape[-1:] not in ((len(self.mean),), (-1,)):
            raise DatasetError(f"normalize has {len(self.mean)} means but gets {spec}", "one mean for each channel")
        return ArraySpec(spec.shape, "float32")

    def apply(self, value: np.ndarray) -> np.ndarray:
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        if len(mean) == 1:
            mean, std = mean[0], std[0]
        result: np.ndarray = (value.astype(np.float32) - mean) / std
        return result


class CastType(enum.Enum):
    """The dtypes that a model's input can have."""

    FLOAT32 = "float32"
    INT32 = "int32"
    INT64 = "int64"
    UINT8 = "uint8"
    INT8 = "int8"


@dataclass(frozen=True, slots=True)
class Cast:
    """`y = dtype(x)`: to an integer, x is rounded half to even first and then clamped to what the type holds."""

    op: ClassVar[str] = "cast"
    dtype: CastType

    def result(self, spec: ArraySpec) -> ArraySpec:
        require_numbers(self.op, spec)
        return ArraySpec(spec.shape, self.dtype.value)

    def apply(self, value: np.ndarray) -> np.ndarray:
        dtype = np.dtype(self.dtype.value)
        if dtype.kind == "f" or value.dtype == dtype:
            return value.astype(dtype)
        info = np.iinfo(dtype)
        rounded = np.rint(value) if value.dtype.kind == "f" else value
        clamped: np.ndarray = np.clip(rounded, info.min, info.max)
        return clamped.astype(dtype)


@dataclass(frozen=True, slots=True)
class Reshape:
    """The same numbers in row-major order under another shape (without batch dimension)."""

    op: ClassVar[str] = "reshape"
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(n < 1 for n in self.shape):
            raise DatasetError(f"reshape has the shape {list(self.shape)}; every length must be at least 1")

    def result(self, spec: ArraySpec) -> ArraySpec:
        require_numbers(self.op, spec)
        if -1 not in spec.shape and math.prod(spec.shape) != math.prod(self.shape):
            raise DatasetError(f"reshape to {format_shape(self.shape)} gets {spec}, another number of values")
        return ArraySpec(self.shape, spec.dtype)

    def apply(self, value: np.ndarray) -> np.ndarray:
        if value.size != math.prod(self.shape):
            raise DatasetError(f"reshape to {format_shape(self.shape)} gets the shape {format_shape(value.shape)}")
        return value.reshape(self.shape)


@dataclass(frozen=True, slots=True)
class Transpose:
    """Axis `i` of the result is axis `axes[i]` of the input: channels first to last is `axes = [1, 2, 0]`."""

    op: ClassVar[str] = "transpose"
    axes: tuple[int, ...]

    def result(self, spec: ArraySpec) -> ArraySpec:
        require_numbers(self.op, spec)
        if sorted(self.axes) != list(range(len(spec.shape))):
            raise DatasetError(f"transpose has the axes {list(self.axes)} but gets {spec}")
        return ArraySpec(tuple(spec.shape[axis] for axis in self.axes), spec.dtype)

    def apply(self, value: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(value.transpose(self.axes))


def require_numbers(op: str, spec: ArraySpec) -> None:
    """Raises DatasetError when `spec` is text."""
    if spec.dtype == TEXT:
        raise DatasetError(f"{op} gets text", "put the operation 'tokens' before it")


def require_finite(op: str, values: tuple[float, ...]) -> None:
    """Raises DatasetError when one of `values` is NaN or infinite."""
    if not all(math.isfinite(value) for value in values):
        raise DatasetError(f"{op} has a value that is not a finite number")
