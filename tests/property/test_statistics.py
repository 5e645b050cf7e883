"""Statistics of latencies hold for any samples."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.measure.statistics import (
    correlation_time,
    histogram,
    median_interval,
    outlier_count,
    percentile,
    quantile_interval,
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


@given(SAMPLES, st.sampled_from([50.0, 90.0]))
def test_interval_holds_its_percentile(samples: list[float], percent: float) -> None:
    interval = quantile_interval(samples, percent)
    if len(samples) < 8:
        assert interval is None
    elif interval is not None:
        assert interval.low <= percentile(samples, percent) <= interval.high


@given(st.integers(min_value=8, max_value=150))
def test_interval_of_independent_samples_is_no_narrower_than_exact_counting_says(count: int) -> None:
    # Alternating halves have no positive correlation, so the ranks are those of independent samples.
    samples = [float(i // 2 if i % 2 else count - 1 - i // 2) for i in range(count)]
    interval = median_interval(samples)
    assert interval is not None
    rank = sum(x < interval.low for x in samples) + 1
    missed = 2 * sum((Fraction(math.comb(count, i), 2**count) for i in range(rank)), Fraction(0))
    # Where the ranks end at the samples' own ends (under 9 of them) nothing wider can be given.
    assert 1 - missed >= Fraction(95, 100) or rank == 1


@given(SAMPLES)
def test_correlation_time_is_one_at_least_and_no_more_than_the_count(samples: list[float]) -> None:
    flags = [x <= percentile(samples, 50) for x in samples]
    assert 1 <= correlation_time(flags) <= max(len(flags), 1)


def test_runs_that_follow_each_other_count_less() -> None:
    slow = [i // 25 % 2 == 0 for i in range(200)]
    assert correlation_time(slow) > 10
    assert correlation_time([i % 2 == 0 for i in range(200)]) == 1


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


@given(LATENCY, st.integers(min_value=8, max_value=60))
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
