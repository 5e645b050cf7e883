"""What can be said about a set of latencies without assuming how they are distributed.

Latencies are skewed and have outliers, so nothing here uses a mean or a normal distribution.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
TOLERANCE = 0.05
_DRIFT_MIN_COUNT = 8


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval that holds the true value with probability `coverage` at least, whatever the distribution."""

    low: float
    high: float
    coverage: float


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Whether samples pin their median down to a tolerance, and if not, why."""

    steady: bool
    note: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """`counts` over equal bins from `low` to `high`; `above` counts what lies beyond `high`."""

    low: float
    high: float
    counts: tuple[int, ...]
    above: int


def percentile(samples: Sequence[float], percent: float) -> float:
    """The value that `percent` of the samples do not exceed, interpolated between neighbours.

    Definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50(4), 1996,
    which is also NumPy's default. Raises ValueError on no samples or on a percentage outside 0..100.
    """
    if not samples or not 0 <= percent <= 100:
        raise ValueError(f"percentile {percent} of {len(samples)} samples is not defined")
    ordered = sorted(samples)
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    low, high = ordered[below], ordered[above]
    return min(max(low + (high - low) * (place - below), low), high)


def median_interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """The narrowest symmetric pair of order statistics that holds the median with `confidence`.

    The number of samples below the true median is binomial with p = 1/2, so the pair (k-th smallest, k-th largest)
    misses it with probability 2 P(B < k): David and Nagaraja, "Order Statistics", 3rd edition, section 7.1.
    Samples must be independent. None where there are too few (under 6 for 95 %).
    """
    count = len(samples)
    rank, coverage = 0, 0.0
    for k in range(1, (count + 1) // 2 + 1):
        covered = 1 - 2 * _binomial_below(k, count)
        if covered < confidence:
            break
        rank, coverage = k, covered
    if rank == 0:
        return None
    ordered = sorted(samples)
    return Interval(ordered[rank - 1], ordered[count - rank], coverage)


def _binomial_below(k: int, count: int) -> float:
    """P(B < k) for B binomial(count, 1/2), exact in integers until the last division."""
    below: int = sum(math.comb(count, i) for i in range(k))
    return below / (1 << count)


def relative_spread(samples: Sequence[float]) -> float:
    """The middle half of the samples relative to their median: (p75 - p25) / p50; 0 where the median is 0."""
    median = percentile(samples, 50)
    return (percentile(samples, 75) - percentile(samples, 25)) / median if median else 0.0


def outlier_count(samples: Sequence[float]) -> int:
    """Samples farther than 1.5 interquartile ranges from the middle half (Tukey, "Exploratory Data Analysis", 2C)."""
    low, high = percentile(samples, 25), percentile(samples, 75)
    reach = 1.5 * (high - low)
    return sum(not low - reach <= x <= high + reach for x in samples)


def steadiness(samples: Sequence[float], tolerance: float = TOLERANCE) -> Steadiness:
    """Whether the median is known to `tolerance` here, from samples in the order in which they were taken.

    Not so where the median's interval is wider than the tolerance on either side, or where the first and the second
    half of the run disagree by more (a device that heats up, a machine that is shared).
    """
    interval = median_interval(samples)
    if interval is None:
        return Steadiness(False, f"{len(samples)} runs are too few to say how sure the median is")
    median = percentile(samples, 50)
    width = max(interval.high - median, median - interval.low)
    unsteady = f"not measurable to {100 * tolerance:.3g} % here"
    if width > tolerance * median:
        return Steadiness(False, f"{unsteady}: the median is known to {_share(width, median)}")
    if len(samples) >= _DRIFT_MIN_COUNT:
        half = len(samples) // 2
        drift = percentile(samples[half:], 50) - percentile(samples[:half], 50)
        if abs(drift) > tolerance * median:
            return Steadiness(False, f"{unsteady}: {_drift_words(drift, median)}")
    return Steadiness(True, f"the median is known to {_share(width, median)}")


def _share(part: float, whole: float) -> str:
    return f"±{100 * part / whole:.1f} %" if whole else "±0 %"


def _drift_words(drift: float, median: float) -> str:
    word = "slower" if drift > 0 else "faster"
    return f"the second half of the run was {100 * abs(drift) / median:.0f} % {word} than the first"


def histogram(samples: Sequence[float], bins: int = 24) -> Histogram:
    """Equal bins from the smallest sample to where Tukey's far outliers begin; those are counted in `above`.

    Raises ValueError on no samples.
    """
    upper = percentile(samples, 75)
    low, high = min(samples), min(max(samples), upper + 3 * (upper - percentile(samples, 25)))
    if high <= low:
        return Histogram(low, low, (sum(x <= low for x in samples),), sum(x > low for x in samples))
    counts = [0] * bins
    for sample in samples:
        if sample <= high:
            counts[min(int((sample - low) / (high - low) * bins), bins - 1)] += 1
    return Histogram(low, high, tuple(counts), len(samples) - sum(counts))
