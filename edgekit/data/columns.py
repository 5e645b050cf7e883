"""One input of a dataset before preprocessing: raw values by position."""

from __future__ import annotations

import io
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.core.extras import require
from edgekit.data.array_spec import TEXT, ArraySpec

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "PPM", "TIFF")  # no more: Pillow starts programs for some others
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".ppm", ".pgm", ".tif", ".tiff")
_RGB = ArraySpec((-1, -1, 3), "uint8")


class Column(Protocol):
    """Raw values of one input, read one at a time."""

    @property
    def spec(self) -> ArraySpec:
        """Shape and dtype of each value."""

    def __len__(self) -> int:
        """How many values there are."""

    def read(self, index: int) -> np.ndarray:
        """Value `index`. Raises DatasetError when it is damaged."""

    def place(self, index: int) -> str:
        """Where value `index` is, for messages."""


@dataclass(frozen=True, slots=True)
class ArrayColumn:
    """Value `i` is `array[i]`."""

    array: np.ndarray
    where: str

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec(self.array.shape[1:], TEXT if self.array.dtype.kind == "U" else self.array.dtype.name)

    def __len__(self) -> int:
        return len(self.array)

    def read(self, index: int) -> np.ndarray:
        return np.asarray(self.array[index])

    def place(self, index: int) -> str:
        return f"{self.where}[{index}]"


@dataclass(frozen=True, slots=True)
class RaggedColumn:
    """Value `i` is `array[offsets[i]:offsets[i + 1]]`: values of different lengths in one array."""

    array: np.ndarray
    offsets: np.ndarray
    where: str

    def __post_init__(self) -> None:
        bounds = self.offsets
        if bounds.ndim != 1 or bounds.dtype.kind not in "iu" or len(bounds) < 1:
            raise DatasetError(f"the offsets of {self.where} must be whole numbers in one row, one more than values")
        ordered = bool(np.all(bounds[1:] >= bounds[:-1]))
        if not ordered or bounds[0] < 0 or bounds[-1] > len(self.array):
            raise DatasetError(f"the offsets of {self.where} do not rise from 0 to its length of {len(self.array)}")

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((-1, *self.array.shape[1:]), self.array.dtype.name)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def read(self, index: int) -> np.ndarray:
        return self.array[int(self.offsets[index]) : int(self.offsets[index + 1])]

    def place(self, index: int) -> str:
        return f"{self.where}[{index}]"


@dataclass(frozen=True, slots=True)
class PackedImages:
    """Encoded images (JPEG, PNG) as bytes in one array with offsets."""

    encoded: RaggedColumn

    @property
    def spec(self) -> ArraySpec:
        return _RGB

    def __len__(self) -> int:
        return len(self.encoded)

    def read(self, index: int) -> np.ndarray:
        return decode_image(self.encoded.read(index).tobytes(), self.place(index))

    def place(self, index: int) -> str:
        return self.encoded.place(index)


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """One image file for each value."""

    paths: tuple[Path, ...]

    @property
    def spec(self) -> ArraySpec:
        return _RGB

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> np.ndarray:
        return decode_image(_bytes(self.paths[index]), self.place(index))

    def place(self, index: int) -> str:
        return str(self.paths[index])


@dataclass(frozen=True, slots=True)
class WavFiles:
    """One wav file for each value, all at `rate` Hz."""

    paths: tuple[Path, ...]
    rate: int

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((-1,), "int16")

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, index: int) -> np.ndarray:
        samples, rate = decode_wav(_bytes(self.paths[index]), self.place(index))
        if rate != self.rate:
            message = f"{self.place(index)} has {rate} samples a second, not {self.rate}"
            raise DatasetError(message, "edgekit does not resample: convert the file first")
        return samples

    def place(self, index: int) -> str:
        return str(self.paths[index])


@dataclass(frozen=True, slots=True)
class TextColumn:
    """One text for each value."""

    texts: Sequence[str]
    where: str

    @property
    def spec(self) -> ArraySpec:
        return ArraySpec((), TEXT)

    def __len__(self) -> int:
        return len(self.texts)

    def read(self, index: int) -> np.ndarray:
        return np.array(self.texts[index])

    def place(self, index: int) -> str:
        return f"{self.where}, line {index + 1}"


def decode_image(data: bytes, where: str, most_pixels: int = 0, most_side: int = 0) -> np.ndarray:
    """uint8 (height, width, 3), RGB, of an encoded image: Pillow's `convert("RGB")`, orientation tags ignored.

    Args:
        most_pixels, most_side: larger pictures are not decoded; 0 leaves the limit to Pillow.

    Raises DatasetError.
    """
    image_module = require("PIL.Image", "images")
    try:
        with image_module.open(io.BytesIO(data), formats=_FORMATS) as image:
            width, height = image.size
            if 0 < most_pixels < width * height or 0 < most_side < max(width, height):
                raise ValueError(f"it has {width} x {height} pixels, too many")
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # a foreign door: Pillow's decoders raise whatever a damaged file makes them raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"the image {where} cannot be read: {_without_address(reason)}") from error


def decode_wav(data: bytes, where: str) -> tuple[np.ndarray, int]:
    """int16 samples and their rate in Hz. Of two channels the mean, `(left + right) >> 1`."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            parameters, raw = file.getparams(), file.readframes(file.getnframes())
    except (wave.Error, EOFError, ValueError, RuntimeError) as error:
        raise DatasetError(f"the wav file {where} cannot be read: {error or 'it is cut off'}") from error
    if parameters.sampwidth != 2 or parameters.nchannels not in (1, 2):
        found = f"{8 * parameters.sampwidth} bit, {parameters.nchannels} channels"
        raise DatasetError(f"the wav file {where} is {found}", "16-bit PCM, mono or stereo, can be read")
    if len(raw) != parameters.nframes * parameters.nchannels * 2:
        raise DatasetError(f"the wav file {where} is cut off")
    samples = np.frombuffer(raw, "<i2").astype(np.int16)
    if parameters.nchannels == 2:
        samples = (samples.reshape(-1, 2).astype(np.int32).sum(axis=1) >> 1).astype(np.int16)
    return samples, parameters.framerate


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from error


def _without_address(reason: str) -> str:
    """Pillow names the stream object; a person needs only what is wrong with it."""
    return "it is not an image that Pillow knows" if "BytesIO" in reason else reason
