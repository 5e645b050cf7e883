"""Operations on images: arrays (height, width, channels), uint8 0..255 or float32. A decoded file is uint8 RGB."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.data.array_spec import ArraySpec
from edgekit.data.resample import resample


class Method(enum.Enum):
    """How pixels between pixels are found; the arithmetic is in `resample`."""

    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    NEAREST = "nearest"


@dataclass(frozen=True, slots=True)
class Resize:
    """The whole image at `height` x `width`, aspect ratio not kept, as Pillow's `Image.resize` (see `resample`).

    With `antialias` (Pillow's way) shrinking takes the mean over all pixels covered; without it only the 2 or 4
    nearest pixels count, as `tf.image.resize` does.
    """

    op: ClassVar[str] = "resize"
    height: int
    width: int
    method: Method = Method.BILINEAR
    antialias: bool = True

    def __post_init__(self) -> None:
        _require_size(self.op, self.height, self.width)

    def result(self, spec: ArraySpec) -> ArraySpec:
        _require_image(self.op, spec)
        return ArraySpec((self.height, self.width, spec.shape[2]), spec.dtype)

    def apply(self, value: np.ndarray) -> np.ndarray:
        return resample(value, (self.height, self.width), self.method.value, self.antialias)


@dataclass(frozen=True, slots=True)
class ResizeShort:
    """The shorter side at `size`; the longer one, `L` of shorter `S`, at `L * size // S` (rounded down)."""

    op: ClassVar[str] = "resize-short"
    size: int
    method: Method = Method.BILINEAR
    antialias: bool = True

    def __post_init__(self) -> None:
        _require_size(self.op, self.size, self.size)

    def result(self, spec: ArraySpec) -> ArraySpec:
        _require_image(self.op, spec)
        size = (-1, -1) if -1 in spec.shape[:2] else self._size(spec.shape)
        return ArraySpec((*size, spec.shape[2]), spec.dtype)

    def apply(self, value: np.ndarray) -> np.ndarray:
        return resample(value, self._size(value.shape), self.method.value, self.antialias)

    def _size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        short = min(shape[:2])
        return shape[0] * self.size // short, shape[1] * self.size // short


@dataclass(frozen=True, slots=True)
class CenterCrop:
    """The `height` x `width` pixels from row `(H - height) // 2` and column `(W - width) // 2` on."""

    op: ClassVar[str] = "center-crop"
    height: int
    width: int

    def __post_init__(self) -> None:
        _require_size(self.op, self.height, self.width)

    def result(self, spec: ArraySpec) -> ArraySpec:
        _require_image(self.op, spec)
        self._require_larger(spec.shape)
        return ArraySpec((self.height, self.width, spec.shape[2]), spec.dtype)

    def apply(self, value: np.ndarray) -> np.ndarray:
        self._require_larger(value.shape)
        top, left = (value.shape[0] - self.height) // 2, (value.shape[1] - self.width) // 2
        return value[top : top + self.height, left : left + self.width]

    def _require_larger(self, shape: tuple[int, ...]) -> None:
        if 0 <= shape[0] < self.height or 0 <= shape[1] < self.width:
            wanted = f"{self.height}x{self.width}"
            raise DatasetError(f"center-crop to {wanted} gets an image of {shape[0]}x{shape[1]}", "resize it before")


class Order(enum.Enum):
    """What the channels are to be."""

    BGR = "bgr"
    GRAY = "gray"


@dataclass(frozen=True, slots=True)
class Channels:
    """From RGB: `bgr` reverses the channels; `gray` leaves one, of uint8 as Pillow's "L".

    gray = `(19595 R + 38470 G + 7471 B + 32768) >> 16`; of float32 `(19595 R + 38470 G + 7471 B) / 65536` in float64,
    rounded to float32.
    """

    op: ClassVar[str] = "channels"
    order: Order

    def result(self, spec: ArraySpec) -> ArraySpec:
        _require_image(self.op, spec)
        if spec.shape[2] not in (3, -1):
            raise DatasetError(f"channels takes 3 channels (RGB) but gets {spec}")
        return ArraySpec((*spec.shape[:2], 1 if self.order is Order.GRAY else 3), spec.dtype)

    def apply(self, value: np.ndarray) -> np.ndarray:
        if self.order is Order.BGR:
            return np.ascontiguousarray(value[..., ::-1])
        if value.dtype == np.uint8:
            total: np.ndarray = value.astype(np.int64) @ np.array([19595, 38470, 7471]) + 32768
            return (total >> 16).astype(np.uint8)[..., None]
        weights = np.array([19595, 38470, 7471]) / 65536
        mean: np.ndarray = value.astype(np.float64) @ weights
        return mean.astype(np.float32)[..., None]


def _require_image(op: str, spec: ArraySpec) -> None:
    if len(spec.shape) != 3 or spec.dtype not in ("uint8", "float32"):
        raise DatasetError(f"{op} gets {spec}", "it takes an image: height x width x channels, uint8 or float32")


def _require_size(op: str, height: int, width: int) -> None:
    if not (1 <= height <= 16384 and 1 <= width <= 16384):
        raise DatasetError(f"{op} has the size {height}x{width}; each side must be 1 to 16384")
