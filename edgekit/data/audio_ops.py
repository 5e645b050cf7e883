"""Operations on audio: 1-d arrays of samples, int16 from a wav file or float32 after `scale` (factor 1/32768)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.data.array_spec import ArraySpec
from edgekit.data.spectrum import cosine_matrix, frame_count, frames, hann, mel_filters, power


@dataclass(frozen=True, slots=True)
class FitLength:
    """The first `length` samples; a shorter recording is filled up with zeros at its end."""

    op: ClassVar[str] = "fit-length"
    length: int

    def __post_init__(self) -> None:
        if self.length < 1:
            raise DatasetError(f"fit-length has the length {self.length}; it must be at least 1")

    def result(self, spec: ArraySpec) -> ArraySpec:
        _require_wave(self.op, spec)
        return ArraySpec((self.length,), spec.dtype)

    def apply(self, value: np.ndarray) -> np.ndarray:
        result = np.zeros(self.length, value.dtype)
        kept = value[: self.length]
        result[: len(kept)] = kept
        return result


@dataclass(frozen=True, slots=True)
class LogMel:
    """(frames, mels) float32: `ln(energy + log_offset)` of triangular mel filters.

    Frames of `frame` samples every `hop` (whole ones only), each times a periodic Hann window, DFT of `fft` points
    (zeros appended), squared magnitude, `mels` triangles over `low_hz` .. `high_hz` (see `spectrum.mel_filters`). In
    float64 or better than float32 before the logarithm; the result is rounded to float32. `rate` in Hz.
    """

    op: ClassVar[str] = "log-mel"
    rate: int
    frame: int
    hop: int
    fft: int
    mels: int
    low_hz: float
    high_hz: float
    log_offset: float = 1e-6

    def __post_init__(self) -> None:
        if min(self.rate, self.frame, self.hop, self.mels) < 1 or self.fft < self.frame:
            raise DatasetError(f"{self.op} needs rate, frame, hop and mels of at least 1, and fft >= frame")
        if not (0 <= self.low_hz < self.high_hz <= self.rate / 2) or not self.log_offset > 0:
            raise DatasetError(f"{self.op} needs 0 <= low_hz < high_hz <= rate / 2, and log_offset above 0")

    def result(self, spec: ArraySpec) -> ArraySpec:
        _require_wave(self.op, spec)
        if spec.shape[0] < 0:
            return ArraySpec((-1, self.mels), "float32")
        _require_frame(self.op, spec.shape[0], self.frame)
        return ArraySpec((frame_count(spec.shape[0], self.frame, self.hop), self.mels), "float32")

    def apply(self, value: np.ndarray) -> np.ndarray:
        return self.energies(value).astype(np.float32)

    def energies(self, value: np.ndarray) -> np.ndarray:
        """The result before it is rounded, float64."""
        _require_frame(self.op, len(value), self.frame)
        spectrum = power(frames(value.astype(np.float64), self.frame, self.hop) * hann(self.frame), self.fft)
        filters = mel_filters(self.mels, self.fft, self.rate, (self.low_hz, self.high_hz))
        logarithm: np.ndarray = np.log(spectrum @ filters + self.log_offset)
        return logarithm


@dataclass(frozen=True, slots=True)
class Mfcc:
    """(frames, coefficients) float32: the first `coefficients` of the orthonormal DCT-II of each row of `log-mel`."""

    op: ClassVar[str] = "mfcc"
    rate: int
    frame: int
    hop: int
    fft: int
    mels: int
    low_hz: float
    high_hz: float
    coefficients: int
    log_offset: float = 1e-6

    def __post_init__(self) -> None:
        if not 1 <= self.coefficients <= self.mels:
            raise DatasetError(f"mfcc has {self.coefficients} coefficients of {self.mels} mels")
        self._log_mel()

    def result(self, spec: ArraySpec) -> ArraySpec:
        return ArraySpec((self._log_mel().result(spec).shape[0], self.coefficients), "float32")

    def apply(self, value: np.ndarray) -> np.ndarray:
        rows: np.ndarray = self._log_mel().energies(value) @ cosine_matrix(self.mels, self.coefficients)
        return rows.astype(np.float32)

    def _log_mel(self) -> LogMel:
        band = (self.low_hz, self.high_hz)
        return LogMel(self.rate, self.frame, self.hop, self.fft, self.mels, *band, self.log_offset)


def _require_wave(op: str, spec: ArraySpec) -> None:
    if len(spec.shape) != 1 or spec.dtype not in ("int16", "float32"):
        raise DatasetError(f"{op} gets {spec}", "it takes samples of audio: 1-d, int16 or float32")


def _require_frame(op: str, samples: int, frame: int) -> None:
    if samples < frame:
        message = f"{op} gets {samples} samples, fewer than one frame of {frame}"
        raise DatasetError(message, "put 'fit-length' before it")
