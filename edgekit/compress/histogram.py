"""Histograms whose range grows, and the range of a quantizer that they suggest. Pure.

Source of the criteria: Migacz, "8-bit inference with TensorRT" (2017) for percentiles of activations; Banner et al.,
"Post training 4-bit quantization of convolutional networks" (2019) for the clipping that minimizes the squared error.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

BINS = 4096
_CANDIDATES = 40  # ends tried on each side: the range in steps of 2.5 %


class Histograms:
    """One histogram for each of `tensors` tensors, over [-reach, reach) in `BINS` bins.

    A value beyond the reach doubles it, and each two bins become one: the counts stay exact, and the memory stays the
    same, however many values come.
    """

    def __init__(self, tensors: int) -> None:
        self.counts: Counts = np.zeros((tensors, BINS), np.int64)
        self.reach: Floats = np.zeros(tensors)

    def add(self, place: int, values: npt.NDArray[np.float32]) -> None:
        """Count `values` (finite) for the tensor at `place`."""
        if not values.size:
            return
        self._grow(place, float(np.abs(values).max()))
        scaled = values / np.float32(self.reach[place]) * np.float32(BINS / 2) + np.float32(BINS / 2)
        bins = np.clip(scaled.astype(np.int32), 0, BINS - 1)
        self.counts[place] += np.bincount(bins, minlength=BINS)

    def _grow(self, place: int, extreme: float) -> None:
        """Make the reach of a tensor cover `extreme`: a power of two, so that the bins' edges stay."""
        needed = 2.0 ** math.ceil(math.log2(max(extreme, 2.0**-120)))
        reach = float(self.reach[place]) or needed
        while reach < needed:
            self.counts[place] = _halved(self.counts[place])
            reach *= 2
        self.reach[place] = reach


def centers(reach: float) -> Floats:
    """The middle of each bin."""
    return np.asarray((np.arange(BINS) + 0.5) * (2 * reach / BINS) - reach, np.float64)


def percentile_range(counts: Counts, reach: float, percent: float) -> tuple[float, float]:
    """The range that holds `percent` of the values, with the rest cut off evenly at both ends, to a bin's width."""
    total = int(counts.sum())
    cut = total * (1 - percent / 100) / 2
    below = np.cumsum(counts)
    low = int(np.searchsorted(below, cut, side="right"))
    high = int(np.searchsorted(below, total - cut, side="left"))
    width = 2 * reach / BINS
    return low * width - reach, (min(high, BINS - 1) + 1) * width - reach


def least_error_range(counts: Counts, reach: float, low: float, high: float, levels: int) -> tuple[float, float]:
    """The part of [low, high] that costs the least squared error when it is divided into `levels` steps.

    Inside the range a value is off by step²/12 on average, outside by its distance from the end. `low` is at most 0,
    `high` at least 0, and 0 stays inside.
    """
    x, n = centers(reach), counts.astype(np.float64)
    lows = np.linspace(low, 0.0, _CANDIDATES, endpoint=False) if low < 0 else np.zeros(1)
    highs = np.linspace(high, 0.0, _CANDIDATES, endpoint=False) if high > 0 else np.zeros(1)
    # The outside parts are sums over one end only, so the table of all pairs is a sum of two vectors.
    below, under = _beyond(x, n, lows)
    above, over = _beyond(-x[::-1], n[::-1], -highs)
    inside = n.sum() - under[:, None] - over[None, :]
    step = (highs[None, :] - lows[:, None]) / (levels - 1)
    error = below[:, None] + above[None, :] + inside * np.square(step) / 12
    best = np.unravel_index(int(np.argmin(error)), error.shape)
    return float(lows[best[0]]), float(highs[best[1]])


def _beyond(x: Floats, n: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """For each end: the sum of n (x - end)² over the x below it, and how many those are. `x` is sorted."""
    upto = np.searchsorted(x, ends)
    count, first, second = (np.concatenate([[0.0], np.cumsum(n * x**power)])[upto] for power in (0, 1, 2))
    return np.maximum(second - 2 * ends * first + ends**2 * count, 0.0), count


def outside_share(counts: Counts, reach: float, low: float, high: float) -> float:
    """The share of values outside [low, high], to a bin's width."""
    total = counts.sum()
    x, half = centers(reach), reach / BINS
    return float(counts[(x + half < low) | (x - half > high)].sum() / total) if total else 0.0


def _halved(counts: Counts) -> Counts:
    """Counts over twice the reach: pairs of bins merge into the middle half."""
    merged = np.zeros_like(counts)
    merged[BINS // 4 : BINS * 3 // 4] = counts.reshape(-1, 2).sum(axis=1)
    return merged
