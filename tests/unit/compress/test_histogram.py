"""Histograms that grow, and the ranges they suggest."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.compress.histogram import BINS, Histograms, least_error_range, outside_share, percentile_range


def test_growing_loses_no_count_and_mass_stays_where_it_was() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(0, s, 1000).astype(np.float32) for s in (0.01, 1, 50)]
    grown, at_once = Histograms(1), Histograms(1)
    for part in parts:
        grown.add(0, part)
    at_once.add(0, np.concatenate(parts))
    assert grown.counts.sum() == 3000 and grown.reach[0] == at_once.reach[0]
    both = (np.cumsum(grown.counts[0]), np.cumsum(at_once.counts[0]))
    assert np.abs(both[0] - both[1]).max() <= 1, "a value on an edge may change its bin"


def test_a_percentile_cuts_both_ends() -> None:
    histograms = Histograms(1)
    histograms.add(0, np.linspace(-1, 1, 100_000, dtype=np.float32))
    low, high = percentile_range(histograms.counts[0], 1.0, 90)
    assert low == pytest.approx(-0.9, abs=2 / BINS * 2) and high == pytest.approx(0.9, abs=2 / BINS * 2)
    assert outside_share(histograms.counts[0], 1.0, low, high) == pytest.approx(0.1, abs=0.001)


def test_least_error_cuts_a_lone_outlier_and_nothing_of_a_uniform() -> None:
    histograms = Histograms(2)
    rng = np.random.default_rng(1)
    histograms.add(0, np.append(rng.normal(0, 1, 100_000), 100).astype(np.float32))
    histograms.add(1, rng.uniform(-1, 1, 100_000).astype(np.float32))
    _, high = least_error_range(histograms.counts[0], float(histograms.reach[0]), -5, 100, 16)
    assert high < 20
    assert least_error_range(histograms.counts[1], float(histograms.reach[1]), -1, 1, 256) == (-1.0, 1.0)


def test_a_tensor_of_zeros_is_counted_without_overflow() -> None:
    histograms = Histograms(1)
    histograms.add(0, np.zeros(5, np.float32))
    assert histograms.counts[0].sum() == 5
    histograms.add(0, np.ones(3, np.float32))
    assert histograms.counts[0].sum() == 8
