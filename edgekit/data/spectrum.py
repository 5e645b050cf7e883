"""The mathematics of audio features: frames, mel filters, cosine transform. Pure; float64 throughout."""

from __future__ import annotations

import functools

import numpy as np


def frames(wave: np.ndarray, length: int, hop: int) -> np.ndarray:
    """(count, length): frame `i` starts at sample `i * hop`; only whole frames."""
    count = frame_count(len(wave), length, hop)
    result: np.ndarray = wave[np.arange(count)[:, None] * hop + np.arange(length)]
    return result


def frame_count(samples: int, length: int, hop: int) -> int:
    """How many whole frames fit."""
    return max(0, 1 + (samples - length) // hop)


@functools.lru_cache(maxsize=8)
def hann(length: int) -> np.ndarray:
    """Periodic Hann window: `0.5 - 0.5 cos(2 pi n / length)` for n = 0 .. length-1."""
    return np.hanning(length + 1)[:length]


def power(windowed: np.ndarray, fft: int) -> np.ndarray:
    """(count, fft/2+1): squared magnitude of the DFT of each frame, zeros appended up to `fft`."""
    return np.abs(np.fft.rfft(windowed.astype(np.float64), fft)) ** 2


@functools.lru_cache(maxsize=8)
def mel_filters(mels: int, fft: int, rate: int, band_hz: tuple[float, float]) -> np.ndarray:
    """(fft/2+1, mels): triangles that reach 1 in the middle, on the mel scale 2595 log10(1 + f/700) (HTK).

    Of `mels + 2` points evenly spread in mel over `band_hz`, triangle `m` rises from point m to m+1 and falls to m+2,
    straight in Hz; bin `k` lies at `k * rate / fft` Hz.
    """
    low, high = (2595 * np.log10(1 + f / 700) for f in band_hz)
    points = 700 * (10 ** (np.linspace(low, high, mels + 2) / 2595) - 1)
    bins = np.arange(fft // 2 + 1)[:, None] * rate / fft
    rising = (bins - points[:-2]) / (points[1:-1] - points[:-2])
    falling = (points[2:] - bins) / (points[2:] - points[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))


@functools.lru_cache(maxsize=8)
def cosine_matrix(size: int, count: int) -> np.ndarray:
    """(size, count): orthonormal DCT-II, `sqrt(2/N) cos(pi k (n + 0.5) / N)`, column 0 over sqrt(2)."""
    n, k = np.arange(size)[:, None], np.arange(count)
    matrix: np.ndarray = np.sqrt(2 / size) * np.cos(np.pi * k * (n + 0.5) / size)
    matrix[:, 0] /= np.sqrt(2)
    return matrix
