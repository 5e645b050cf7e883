"""Intervals and streamed sums against what defines them."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.verify.intervals import Z95, ResampledSums, paired_difference, percentile_interval, wilson


@settings(deadline=None)
@given(st.integers(1, 500), st.data())
def test_wilsons_ends_are_as_unlikely_as_said(count: int, data: st.DataObject) -> None:
    """The ends solve |share - p| = z sqrt(p (1 - p) / n): that is what a score interval is."""
    hits = data.draw(st.integers(0, count))
    interval = wilson(hits, count)
    for end in (interval.low, interval.high):
        distance = abs(hits / count - end)
        # Cancellation near 0 and 1 costs digits; the interval is shown with four.
        assert end in (0.0, 1.0) or math.isclose(distance, Z95 * math.sqrt(end * (1 - end) / count), abs_tol=1e-9)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 200))
def test_tangos_ends_are_as_unlikely_as_said(gained: int, lost: int, same: int) -> None:
    """At each end the distance is z standard errors, with the variance that fits that difference best."""
    count = gained + lost + same
    if count == 0:
        return
    interval = paired_difference(gained, lost, count)
    assert -1 <= interval.low <= interval.value <= interval.high <= 1
    for end in (interval.low, interval.high):
        if abs(end) == 1:
            continue
        share = _most_likely_share(gained, lost, count, end)
        error = math.sqrt(max(count * (2 * share + end * (1 - end)), 0.0))
        assert math.isclose(abs(gained - lost - count * end), Z95 * error, rel_tol=1e-5, abs_tol=1e-5)


def _most_likely_share(gained: int, lost: int, count: int, difference: float) -> float:
    """The share of `lost` that makes the counts most likely when the difference is given, by ternary search."""
    same = count - gained - lost

    def log_likelihood(share: float) -> float:
        parts = ((gained, share + difference), (lost, share), (same, 1 - 2 * share - difference))
        return sum(n * math.log(max(p, 1e-300)) for n, p in parts if n)

    low, high = max(0.0, -difference), (1 - difference) / 2
    for _ in range(200):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        low, high = (a, high) if log_likelihood(a) < log_likelihood(b) else (low, b)
    return (low + high) / 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 4), st.integers(0, 4)), max_size=20))
def test_resampled_sums_are_weighted_sums(samples: list[tuple[int, int, int]]) -> None:
    sums = ResampledSums(1, 2)
    for value, *weights in samples:
        sums.add(np.array([float(value)]), np.array(weights, np.float64))
    assert sums.total[0] == sum(v for v, *_ in samples)
    assert sums.replicates[:, 0].tolist() == [sum(v * w[i] for v, *w in samples) for i in range(2)]


@settings(deadline=None)
@given(st.floats(-10, 10), st.lists(st.floats(-10, 10) | st.just(math.nan), min_size=2, max_size=50))
def test_a_bootstrap_interval_holds_its_value(value: float, replicates: list[float]) -> None:
    interval = percentile_interval(value, np.array(replicates))
    known = [r for r in replicates if not math.isnan(r)]
    if len(known) < 2:
        assert math.isnan(interval.low)
    else:
        assert min([value, *known]) <= interval.low <= value <= interval.high <= max([value, *known])
