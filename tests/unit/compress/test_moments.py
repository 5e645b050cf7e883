"""Second moments of streamed rows, against what numpy computes from all rows at once in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.compress.moments import Moments

ROWS = 1e-5
"""Relative: a sum of some hundred products in float32 is off by less."""


def streamed(x: np.ndarray, z: np.ndarray | None = None, parts: int = 5) -> Moments:
    found = Moments(x.shape[0], x.shape[2], None if z is None else z.shape[2])
    for number in range(parts):
        found.add(x[:, number::parts], None if z is None else z[:, number::parts])
    return found


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (100.0, 1.0), (100.0, 0.01), (-3e4, 5.0)])
def test_a_small_variance_around_a_large_mean_is_kept(mean: float, spread: float) -> None:
    rng = np.random.default_rng(0)
    x = (mean + spread * rng.normal(size=(2, 400, 6))).astype(np.float32)
    z = (x @ rng.normal(size=(6, 3)).astype(np.float32)).astype(np.float32)
    found = streamed(x, z)
    for group in range(2):
        both = np.concatenate([x[group], z[group]], axis=1).astype(np.float64)
        wanted = np.cov(both.T, bias=True)
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found.covariance[group], wanted[:6, :6], rtol=0, atol=ROWS * scale)
        np.testing.assert_allclose(found.cross[group], wanted[:6, 6:], rtol=0, atol=ROWS * scale)
        np.testing.assert_allclose(found.mean[group], x[group].mean(axis=0, dtype=np.float64), rtol=1e-6)
        np.testing.assert_allclose(found.original_mean[group], z[group].mean(axis=0, dtype=np.float64), rtol=1e-5)
        second = x[group].astype(np.float64).T @ x[group] / 400
        np.testing.assert_allclose(found.second[group], second, rtol=1e-5, atol=ROWS * scale)


def test_inputs_that_never_vary_have_no_variance_and_no_negative_one() -> None:
    x = np.broadcast_to(np.array([0.1, 7.3, -1e4], np.float32), (1, 64, 3))
    found = streamed(x)
    assert (found.covariance == 0).all()
    assert (np.linalg.eigvalsh(found.damped(1e-3)) > 0).all()


def test_a_refit_finds_the_weights_that_made_the_outputs() -> None:
    """With half of the taps mixed into the others, least squares undoes the mixing; 1e-3 is the ridge."""
    rng = np.random.default_rng(1)
    z = (5 + rng.normal(size=(1, 500, 4))).astype(np.float32)
    mix = rng.normal(size=(4, 4)).astype(np.float32)
    weights, bias = rng.normal(size=(1, 4, 2)), rng.normal(size=(1, 2))
    x = z @ mix + 2
    fit = streamed(x, z).refit(weights, bias, ridge=1e-9)
    np.testing.assert_allclose(x @ fit.weights + fit.bias[:, None], z @ weights + bias[:, None], atol=1e-3)


def test_no_rows_are_no_rows() -> None:
    found = Moments(1, 2)
    found.add(np.zeros((1, 0, 2), np.float32))
    found.add(np.ones((1, 3, 2), np.float32))
    assert (found.count, found.mean.tolist()) == (3, [[1, 1]])


def test_merged_moments_are_those_of_all_rows() -> None:
    """Each half is counted from a mean of its own; float32 sums of 400 products leave about 1e-5 of the variances."""
    rng = np.random.default_rng(3)
    x = (rng.normal(0, 1, (2, 400, 5)) + np.linspace(-30, 30, 400)[:, None]).astype(np.float32)
    z = (x[:, :, :3] * 2 + rng.normal(5, 1, (2, 400, 3))).astype(np.float32)
    whole, first, second = (Moments(2, 5, 3) for _ in range(3))
    whole.add(x, z)
    first.add(x[:, :150], z[:, :150])
    second.add(x[:, 150:], z[:, 150:])
    merged = first.merged(second)
    assert merged.count == 400
    for name in ("mean", "original_mean", "second", "covariance", "cross"):
        np.testing.assert_allclose(getattr(merged, name), getattr(whole, name), rtol=1e-4, atol=1e-3)
    assert Moments(2, 5, 3).merged(second) is second
