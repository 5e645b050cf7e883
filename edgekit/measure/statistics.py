"""What can be said about a set of latencies without assuming how they are distributed.

Latencies are skewed and have outliers, so nothing here uses a mean or a normal distribution.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95
TOLERANCE = 0.05
_NORMAL_MAD = 1.4826
"""Standard deviations in a median absolute deviation of a normal distribution."""
_PRIOR_SPREAD = 0.02
_PRIOR_WEIGHT = 3
_LEAST = 8
_BURST = 3
_QUIET = 0.01
SHARED = 0.25
"""Share of the time that a process waits for a core, from which on its latencies are those of the other programs."""
_SWITCHES = 0.2


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


def quantile_interval(samples: Sequence[float], percent: float, confidence: float = CONFIDENCE) -> Interval | None:
    """An interval of the true percentile from order statistics, for samples in the order in which they were taken.

    The number of samples below the true percentile has mean n p and, where samples are independent, variance
    n p (1 - p) (David and Nagaraja, "Order Statistics", 3rd edition, section 7.1). Where they are correlated, that is
    multiplied by their correlation time (Heidelberger and Lewis, "Quantile Estimation in Dependent Sequences",
    Operations Research 32(1), 1984). No distribution is assumed. Where the correlation is so long that the ranks
    would leave the samples, it is nearly their whole range. None where there are too few samples.
    """
    count, p = len(samples), percent / 100
    if count < _LEAST or not _ranks(count, p, 1.0, confidence, clamp=False):
        return None
    middle = percentile(samples, percent)
    ranks = _ranks(count, p, correlation_time([x <= middle for x in samples]), confidence, clamp=True)
    ordered = sorted(samples)
    return Interval(ordered[ranks[0]], ordered[ranks[1]], confidence)


def _ranks(count: int, p: float, times: float, confidence: float, clamp: bool) -> tuple[int, ...]:
    """Places of the interval's ends among the ordered samples; none where they lie outside and are not to be clamped.

    Student's t for the effective count stands in for the normal distribution, by its first correction.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    reach = z * (1 + (z * z + 1) / 4 * times / count) * math.sqrt(count * times * p * (1 - p))
    low, high = math.floor((count - 1) * p - reach), math.ceil((count - 1) * p + reach)
    if clamp:
        edge = 1 - confidence
        low = max(low, math.floor((count - 1) * p * edge))
        high = min(high, math.ceil((count - 1) * (1 - (1 - p) * edge)))
    return (low, high) if low >= 0 and high < count else ()


def median_interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """The interval of the median; None for fewer than 8 samples."""
    return quantile_interval(samples, 50, confidence)


def launch_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """An interval of what a device typically gives, from one number of each launch of the program.

    A launch that shares the device with another program is far off, so the middle is the median and the scatter is the
    median absolute deviation. Few launches tell little of their scatter: it is taken as 2 % with the weight of three
    launches beforehand, for launches differ by more than the runs within one show (Kalibera and Jones, "Rigorous
    Benchmarking in Reasonable Time", ISMM 2013), and Student's t is used. Works on logarithms: noise multiplies.
    Raises ValueError on none and on what is not above 0.
    """
    logs = [math.log(value) for value in values]
    middle, count = percentile(logs, 50), len(logs)
    far = percentile([abs(x - middle) for x in logs], 50) * _NORMAL_MAD if count > 2 else 0.0
    freedom = _PRIOR_WEIGHT + count - 1
    variance = (_PRIOR_WEIGHT * _PRIOR_SPREAD**2 + (count - 1) * far**2) / freedom
    # The median of a few is less sure than their mean would be: pi / 2 times the variance for normal ones.
    loss = math.pi / 2 if count > 2 else 1.0
    reach = student((1 + confidence) / 2, freedom) * math.sqrt(variance * loss / count)
    return Interval(math.exp(middle - reach), math.exp(middle + reach), confidence)


def student(probability: float, freedom: int) -> float:
    """Student's t: the value below which `probability` lies, within 3 % for 3 degrees of freedom and better for more.

    Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.5.
    """
    z, v = NormalDist().inv_cdf(probability), freedom
    terms = (
        z,
        (z**3 + z) / 4 / v,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96 / v**2,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384 / v**3,
    )
    return math.fsum(terms)


def correlation_time(flags: Sequence[bool]) -> float:
    """By how much correlation multiplies the variance of a mean: 1 + 2 (sum of autocorrelations), 1 at least.

    Summed in pairs of lags while they are positive: Geyer, "Practical Markov Chain Monte Carlo", Statistical Science
    7(4), 1992, section 3.3.
    """
    count = len(flags)
    mean = sum(flags) / count
    values = [flag - mean for flag in flags]
    variance = math.fsum(v * v for v in values)
    if variance == 0:
        return 1.0
    total = -1.0
    for lag in range(0, count - 1, 2):
        pair = sum(map(operator.mul, values, values[lag:])) + sum(map(operator.mul, values, values[lag + 1 :]))
        if pair <= 0:
            break
        total += 2 * pair / variance
    return max(1.0, total)


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

    Not so where the first and the second half of the run disagree by more (a device that heats up, a machine that is
    shared), or where the median's interval is wider than the tolerance on either side.
    """
    interval = median_interval(samples)
    if interval is None:
        return Steadiness(False, f"{len(samples)} runs are too few to say how sure the median is")
    median = percentile(samples, 50)
    unsteady = f"not measurable to {100 * tolerance:.3g} % here"
    drift = drift_share(samples)
    if abs(drift) > tolerance:
        return Steadiness(False, f"{unsteady}: {_drift_words(drift)}")
    width = max(interval.high - median, median - interval.low)
    if width > tolerance * median:
        return Steadiness(False, f"{unsteady}: the median is known to {_share(width, median)}")
    return Steadiness(True, f"the median is known to {_share(width, median)}")


def drift_share(samples: Sequence[float]) -> float:
    """By how much the median of the second half is over that of the first, as a share of the median of all."""
    median, half = percentile(samples, 50), len(samples) // 2
    if half == 0 or median == 0:
        return 0.0
    return (percentile(samples[half:], 50) - percentile(samples[:half], 50)) / median


def burst_count(samples: Sequence[float]) -> int:
    """How often three or more samples in a row are far above the middle half: another program took its turn."""
    upper = percentile(samples, 75)
    limit = upper + 3 * max(upper - percentile(samples, 25), 0.02 * upper)
    runs = ((far, sum(1 for _ in group)) for far, group in itertools.groupby(x > limit for x in samples))
    return sum(far and length >= _BURST for far, length in runs)


def throttling(
    drift: float, before_mhz: Sequence[float], after_mhz: Sequence[float], flags: str, tolerance: float = TOLERANCE
) -> str:
    """Why the device is thought to have slowed itself down during a run; "" where nothing says so.

    Either it says so itself (`flags`, words that begin with "now"), or a core's clock fell by more than 5 % while the
    latency rose (`drift`, a share) by more than half of `tolerance`. A clock alone proves nothing: an idle core
    lowers its own.
    """
    if flags.startswith("now"):
        return f"the device throttles ({flags.partition(';')[0]})"
    pairs = [(b, a) for b, a in zip(before_mhz, after_mhz, strict=False) if b > 0]
    fallen = max(((b - a) / b for b, a in pairs), default=0.0)
    if fallen > tolerance and drift > tolerance / 2:
        return f"a clock fell by {100 * fallen:.0f} % while the latency rose by {100 * drift:.0f} %: it throttles"
    return ""


def disturbance(
    involuntary_per_run: float | None, waited_share: float | None, stolen_share: float | None, bursts: int
) -> str:
    """What other programs did to the timed runs, in words; "" where it was quiet.

    1 % of the time is the limit, for what takes a fifth of the tolerance cannot be told from the model. Of switches
    one in five runs, for each costs a cache; a burst is `burst_count`'s.
    """
    parts = []
    if waited_share is not None and waited_share > _QUIET:
        parts.append(f"the process waited for a core {100 * waited_share:.1f} % of the time")
    if stolen_share is not None and stolen_share > _QUIET:
        parts.append(f"the hypervisor took {100 * stolen_share:.1f} % of the cores")
    if involuntary_per_run is not None and involuntary_per_run > _SWITCHES:
        parts.append(f"it was interrupted {involuntary_per_run:.1f} times in a run")
    if bursts:
        parts.append(f"{bursts} {'burst' if bursts == 1 else 'bursts'} of slow runs")
    return ", ".join(parts)


def _share(part: float, whole: float) -> str:
    return f"±{100 * part / whole:.1f} %" if whole else "±0 %"


def _drift_words(drift: float) -> str:
    word = "slower" if drift > 0 else "faster"
    return f"the second half of the run was {100 * abs(drift):.0f} % {word} than the first"


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
