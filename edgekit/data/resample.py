"""Resampling of images: along each axis bit for bit what Pillow does (`src/libImaging/Resample.c`).

Along an axis of `length` pixels that becomes `size`, with `scale = length / size`, output pixel `i` has its centre at
`c = (i + 0.5) * scale` and is the weighted mean of the input pixels `j` with `|j + 0.5 - c| < support`:

    stretch = max(scale, 1) with antialias, else 1;  support = radius * stretch
    first = max(0, int(c - support + 0.5)), last = min(length, int(c + support + 0.5)), both cut towards zero
    weight(j) = filter((j - c + 0.5) / stretch), times the reciprocal of the sum over first to last - 1

    bilinear: radius 1, filter(t) = 1 - |t|
    bicubic:  radius 2, a = -0.5: ((a + 2)|t| - (a + 3))t^2 + 1 for |t| < 1;  (((|t| - 5)|t| + 8)|t| - 4)a for |t| < 2

First along the width, then along the height, always. (Newer Pillows go the other way round where that is cheaper, which
moves a few uint8 values by 1.) uint8: weights are rounded to multiples of 2^-22 (half away from zero),
the sum is rounded half up to a whole number and clamped to 0..255 after each axis. float32: in float64, rounded to
float32 after each axis. Nearest: pixel `int((i + 0.5) * scale)`.
"""

from __future__ import annotations

import functools

import numpy as np

_BITS = 22  # PRECISION_BITS: 32 - 8 - 2
_BICUBIC_A = -0.5


def resample(image: np.ndarray, size: tuple[int, int], method: str, antialias: bool) -> np.ndarray:
    """`image` (height, width, channels), uint8 or float32, at `size` = (height, width), same dtype. Pure."""
    for axis in (1, 0):
        if image.shape[axis] == size[axis]:
            continue
        if method == "nearest":
            image = image.take(_nearest(image.shape[axis], size[axis]), axis=axis)
        else:
            first, weights = _windows(image.shape[axis], size[axis], method, antialias)
            image = _along(image, axis, first, weights)
    return image


def _along(image: np.ndarray, axis: int, first: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted means along `axis`. `first` (size,) and `weights` (size, taps) say of what."""
    moved = np.moveaxis(image, axis, 0)
    integer = image.dtype == np.uint8
    total = np.full((len(first), *moved.shape[1:]), 1 << (_BITS - 1) if integer else 0, np.int64 if integer else float)
    shape = (-1,) + (1,) * (moved.ndim - 1)
    for tap in range(weights.shape[1]):
        rows = moved[np.minimum(first + tap, len(moved) - 1)]  # beyond the last pixel the weight is 0
        weight = _fixed_point(weights[:, tap]) if integer else weights[:, tap]
        total += rows * weight.reshape(shape)
    result = np.clip(total >> _BITS, 0, 255).astype(np.uint8) if integer else total.astype(np.float32)
    return np.ascontiguousarray(np.moveaxis(result, 0, axis))


def _fixed_point(weights: np.ndarray) -> np.ndarray:
    rounded: np.ndarray = np.trunc(weights * (1 << _BITS) + np.copysign(0.5, weights))
    return rounded.astype(np.int64)


def _nearest(length: int, size: int) -> np.ndarray:
    centres: np.ndarray = (np.arange(size) + 0.5) * (length / size)
    positions: np.ndarray = np.minimum(centres.astype(np.int64), length - 1)
    return positions


@functools.lru_cache(maxsize=64)
def _windows(length: int, size: int, method: str, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """For each output pixel its first input pixel (size,) and the weights from there on (size, taps)."""
    scale = length / size
    stretch = max(scale, 1.0) if antialias else 1.0
    support = (2.0 if method == "bicubic" else 1.0) * stretch
    centre = (np.arange(size) + 0.5) * scale
    first = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + support + 0.5).astype(np.int64), length)
    taps = np.arange(int((last - first).max()))
    distance = (taps + first[:, None] - centre[:, None] + 0.5) * (1.0 / stretch)
    weights = np.where(taps < (last - first)[:, None], _filter(method, distance), 0.0)
    # Summed from left to right and multiplied by the reciprocal: to the last bit as Pillow does.
    return first, weights * (1.0 / np.add.accumulate(weights, axis=1)[:, -1:])


def _filter(method: str, distance: np.ndarray) -> np.ndarray:
    t, a = np.abs(distance), _BICUBIC_A
    linear: np.ndarray = np.maximum(1.0 - t, 0.0)
    if method == "bilinear":
        return linear
    inner = ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
    outer = (((t - 5.0) * t + 8.0) * t - 4.0) * a
    return np.where(t < 1.0, inner, np.where(t < 2.0, outer, 0.0))
