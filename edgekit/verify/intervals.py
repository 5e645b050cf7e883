"""How sure a number is: 95 % intervals for proportions, for paired differences, and by resampling.

Pure numpy and math.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution: two-sided 95 %."""

REPLICATES = 1000
_SEED = 20_240_229  # fixed, so that the same data give the same interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95 % interval. `low` and `high` are NaN where there is no way to tell."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float) -> Estimate:
        """The same in another unit; `factor` is positive."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


def wilson(hits: int, count: int, z: float = Z95) -> Estimate:
    """A proportion with Wilson's score interval, as fractions of 1. Without samples: NaN in 0..1.

    Chosen over the normal approximation because it neither leaves 0..1 nor collapses to a point at 0 % and 100 %.
    Source: Wilson 1927; recommended for all n by Brown, Cai and DasGupta 2001 (Statistical Science 16).
    """
    if count == 0:
        return Estimate(math.nan, 0.0, 1.0)
    share = hits / count
    scale = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low = 0.0 if hits == 0 else centre - half
    high = 1.0 if hits == count else centre + half
    return Estimate(share, low, high)


def paired_difference(gained: int, lost: int, count: int, z: float = Z95) -> Estimate:
    """The difference of two proportions that were measured on the same samples, as a fraction of 1.

    Args:
        gained: samples that only the second got right.
        lost: samples that only the first got right.
        count: all samples.

    Returns:
        (gained - lost) / count with Tango's asymptotic score interval. Samples on which both agree cancel: two
        models that differ on few samples are told apart far more sharply than their own intervals suggest.
        No difference at all still leaves ± z²/(n + z²), unlike McNemar-Wald or a bootstrap, which claim certainty.

    Source: Tango 1998 (Statistics in Medicine 17, 891-908); among the best for small n in Fagerland, Lydersen and
    Laake 2014 (Statistics in Medicine 33, 2850-2875).
    """
    if count == 0:
        return Estimate(math.nan, -1.0, 1.0)
    value = (gained - lost) / count
    high = _crossing(lambda d: _tango_score(gained, lost, count, d) + z, value, 1.0)
    low = _crossing(lambda d: z - _tango_score(gained, lost, count, d), value, -1.0)
    return Estimate(value, low, high)


def mcnemar_p(gained: int, lost: int) -> float:
    """Two-sided exact p-value of McNemar's test: could these discordant samples be a fair coin's?

    Source: McNemar 1947; the exact binomial form.
    """
    total, few = gained + lost, min(gained, lost)
    if total == 0:
        return 1.0
    tail = sum(math.comb(total, k) for k in range(few + 1))
    return min(1.0, float(2 * tail / 2**total))


def _tango_score(gained: int, lost: int, count: int, difference: float) -> float:
    """Tango's score statistic at a supposed `difference`; falls as `difference` rises."""
    distance = gained - lost - count * difference
    a = 2 * count
    b = -gained - lost + (2 * count - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
    variance = count * (2 * share + difference * (1 - difference))
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _crossing(score: Callable[[float], float], inside: float, outside: float) -> float:
    """Where `score` turns negative between `inside` (not negative) and `outside`, by bisection."""
    if score(outside) >= 0:
        return outside
    for _ in range(60):  # 2 / 2^60: beyond the last digit of a double near 1
        middle = (inside + outside) / 2
        if score(middle) >= 0:
            inside = middle
        else:
            outside = middle
    return inside


class Resampler:
    """Weights of a bootstrap that needs no second look at the samples.

    Drawing n of n samples with replacement counts each sample Binomial(n, 1/n) times, close to Poisson(1). So
    each sample gets `REPLICATES` Poisson weights as it passes, sums are kept per replicate, and memory does not
    grow with the samples. Two models that share the weights are compared pairwise. The seed is fixed.

    Source: Hanley and MacGibbon 2006 (Computer Methods and Programs in Biomedicine 83); Chamandy et al. 2012,
    "Estimating uncertainty for massive data streams".
    """

    def __init__(self, replicates: int = REPLICATES) -> None:
        self.replicates = replicates
        self._random = np.random.Generator(np.random.PCG64(_SEED))

    def weights(self) -> NDArray[np.float64]:
        """The next sample's weights, shape (replicates,)."""
        return self._random.poisson(1.0, self.replicates).astype(np.float64)


class ResampledSums:
    """Sums of per-sample statistics, as they are and per replicate of a `Resampler`.

    Args:
        size: how many statistics a sample has.
    """

    def __init__(self, size: int, replicates: int = REPLICATES) -> None:
        self.total = np.zeros(size)
        self.replicates = np.zeros((replicates, size))

    def add(self, statistics: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Count one sample's `statistics`, shape (size,), with its `weights`, shape (replicates,)."""
        self.total += statistics
        self.replicates += weights[:, None] * statistics


def percentile_interval(value: float, replicates: NDArray[np.float64]) -> Estimate:
    """`value` with the middle 95 % of its bootstrap replicates; replicates that are NaN are left out.

    The interval always holds `value`, which a skewed statistic of few samples could otherwise escape.
    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.
    """
    known = np.sort(replicates[~np.isnan(replicates)])
    if math.isnan(value) or known.size < 2:
        return Estimate(value, math.nan, math.nan)
    low = float(known[math.floor(0.025 * (known.size - 1))])  # no interpolation: replicates may be infinite
    high = float(known[math.ceil(0.975 * (known.size - 1))])
    return Estimate(value, min(low, value), max(high, value))
