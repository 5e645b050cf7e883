"""Intervals against published numbers and against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgekit.verify.intervals import (
    ResampledSums,
    Resampler,
    mcnemar_p,
    paired_difference,
    percentile_interval,
    wilson,
)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_in_newcombes_table(hits: int, count: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, Table I, method 3; printed with four digits."""
    interval = wilson(hits, count)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_wilson_never_leaves_nor_collapses() -> None:
    none, every = wilson(0, 10), wilson(10, 10)
    assert none.low == 0.0 and 0 < none.high < 1
    assert every.high == 1.0 and 0 < every.low < 1
    assert math.isnan(wilson(0, 0).value) and (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


def test_paired_difference_as_in_fagerlands_example() -> None:
    """Airway hyper-responsiveness, 21 pairs, 1 and 7 discordant: Tango -0.517 to -0.026 (Fagerland et al. 2014)."""
    interval = paired_difference(1, 7, 21)
    assert interval.value == -6 / 21
    assert (round(interval.low, 3), round(interval.high, 3)) == (-0.517, -0.026)


def test_paired_difference_is_symmetric() -> None:
    one, other = paired_difference(3, 11, 50), paired_difference(11, 3, 50)
    # Bisection ends at the last digit on either side.
    assert math.isclose(one.low, -other.high, abs_tol=1e-12) and math.isclose(one.high, -other.low, abs_tol=1e-12)


def test_two_models_that_never_differ_may_still_differ_elsewhere() -> None:
    interval, z2 = paired_difference(0, 0, 300), 1.959963984540054**2
    assert interval.value == 0.0
    assert math.isclose(interval.high, z2 / (300 + z2), rel_tol=1e-9) and math.isclose(interval.low, -interval.high)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_paired_interval_holds_its_value_and_stays_inside(count: int) -> None:
    for gained in range(count + 1):
        for lost in range(count + 1 - gained):
            interval = paired_difference(gained, lost, count)
            assert -1 <= interval.low <= interval.value <= interval.high <= 1


def test_no_samples_no_difference() -> None:
    assert math.isnan(paired_difference(0, 0, 0).value)


def test_mcnemar_is_a_fair_coin() -> None:
    assert mcnemar_p(0, 0) == 1.0
    assert mcnemar_p(5, 0) == 2 / 32
    assert mcnemar_p(3, 3) == 1.0
    assert mcnemar_p(1, 7) == mcnemar_p(7, 1) == 2 * (1 + 8) / 256


def test_mcnemar_of_many_samples_neither_overflows_nor_is_zero() -> None:
    assert 0 < mcnemar_p(900, 1200) < 1e-9


def test_the_resampled_mean_has_the_spread_of_the_mean() -> None:
    values = np.random.default_rng(3).normal(5.0, 2.0, 400)
    resampler, sums = Resampler(), ResampledSums(2)
    for value in values:
        sums.add(np.array([value, 1.0]), resampler.weights())
    assert sums.total.tolist() == [pytest.approx(values.sum(), rel=1e-12), 400.0]
    interval = percentile_interval(values.mean(), sums.replicates[:, 0] / sums.replicates[:, 1])
    half = 1.96 * values.std() / 20
    # 1000 replicates place a 2.5 % quantile to about 5 % of the width; three of those.
    assert interval.high - interval.value == pytest.approx(half, rel=0.15)
    assert interval.value - interval.low == pytest.approx(half, rel=0.15)


def test_resampling_is_the_same_every_time() -> None:
    assert np.array_equal(Resampler().weights(), Resampler().weights())


def test_an_interval_of_infinite_replicates() -> None:
    interval = percentile_interval(math.inf, np.full(1000, math.inf))
    assert (interval.low, interval.value, interval.high) == (math.inf, math.inf, math.inf)


def test_an_interval_without_a_value() -> None:
    assert math.isnan(percentile_interval(math.nan, np.zeros(1000)).low)
    assert math.isnan(percentile_interval(1.0, np.full(1000, math.nan)).high)
