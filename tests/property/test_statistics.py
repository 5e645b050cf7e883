"""Statistics of latencies hold for any samples."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.measure.statistics import (
    histogram,
    median_interval,
    outlier_count,
    percentile,
    relative_spread,
    steadiness,
)

LATENCY = st.floats(min_value=0.001, max_value=1e9, allow_nan=False)
SAMPLES = st.lists(LATENCY, min_size=1, max_size=200)


@given(SAMPLES, st.floats(min_value=0, max_value=100))
def test_percentile_is_numpys(samples: list[float], percent: float) -> None:
    # Both interpolate between the same two neighbours; they differ by the rounding of one multiplication.
    assert math.isclose(percentile(samples, percent), float(np.percentile(samples, percent)), rel_tol=1e-9)


@given(SAMPLES)
def test_percentiles_are_ordered_and_inside(samples: list[float]) -> None:
    places = [percentile(samples, p) for p in (0, 50, 90, 99, 100)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (min(samples), max(samples))


@given(SAMPLES)
def test_percentile_does_not_depend_on_the_order(samples: list[float]) -> None:
    assert percentile(samples[::-1], 90) == percentile(samples, 90)


@pytest.mark.parametrize(("samples", "percent"), [([], 50), ([1.0], -1), ([1.0], 100.1), ([1.0], math.nan)])
def test_percentile_of_nonsense_is_an_error(samples: list[float], percent: float) -> None:
    with pytest.raises(ValueError, match="not defined"):
        percentile(samples, percent)


@given(SAMPLES)
def test_interval_holds_the_median_and_keeps_its_word(samples: list[float]) -> None:
    interval = median_interval(samples)
    if len(samples) < 6:
        assert interval is None
        return
    assert interval is not None
    assert interval.low <= percentile(samples, 50) <= interval.high
    assert interval.coverage >= 0.95


@given(st.integers(min_value=6, max_value=150))
def test_interval_is_the_narrowest_by_exact_counting(count: int) -> None:
    ordered = [float(i) for i in range(count)]
    interval = median_interval(ordered)
    assert interval is not None
    rank = int(interval.low) + 1

    def missed(k: int) -> Fraction:
        return 2 * sum((Fraction(math.comb(count, i), 2**count) for i in range(k)), Fraction(0))

    assert 1 - missed(rank) >= Fraction(95, 100) > 1 - missed(rank + 1)
    assert interval.high == count - rank


def test_interval_misses_the_true_median_about_as_often_as_it_says() -> None:
    rng = random.Random(1)
    trials, held = 2000, 0
    for _ in range(trials):
        interval = median_interval([rng.expovariate(1.0) for _ in range(25)])
        assert interval is not None
        held += interval.low <= math.log(2) <= interval.high
    # The exact coverage for 25 samples is 95.67 %; 2,000 trials scatter by 0.46 points, so this is four of those.
    assert 0.9383 <= held / trials <= 0.9751


@given(SAMPLES, st.integers(min_value=1, max_value=40))
def test_histogram_counts_each_sample_once(samples: list[float], bins: int) -> None:
    drawn = histogram(samples, bins)
    assert sum(drawn.counts) + drawn.above == len(samples)
    assert drawn.low == min(samples)
    assert drawn.high <= max(samples)
    assert len(drawn.counts) in (1, bins)


@given(SAMPLES)
def test_spread_and_outliers_are_within_their_ranges(samples: list[float]) -> None:
    assert relative_spread(samples) >= 0
    assert 0 <= outlier_count(samples) < max(len(samples), 1)


@given(LATENCY, st.integers(min_value=6, max_value=60))
def test_equal_samples_are_steady(value: float, count: int) -> None:
    assert steadiness([value] * count).steady


def test_few_samples_are_never_steady() -> None:
    verdict = steadiness([1.0] * 5)
    assert not verdict.steady
    assert "too few" in verdict.note


def test_a_wide_median_is_not_measurable() -> None:
    verdict = steadiness([1.0, 2.0] * 20)
    assert (verdict.steady, verdict.note.split(":")[0]) == (False, "not measurable to 5 % here")


def test_a_device_that_slows_down_is_not_measurable() -> None:
    # 200 samples in two plateaus, 1.00 and 1.06: the pooled interval is narrow only if the halves overlap a lot.
    samples = [1.0] * 60 + [1.06] * 140
    verdict = steadiness(samples)
    assert verdict.note == "not measurable to 5 % here: the second half of the run was 6 % slower than the first"
    assert not verdict.steady
