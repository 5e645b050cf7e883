"""Fits on cases small enough to know the answer."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.compress.moments import Fit, Moments
from edgekit.compress.prune.refit import choose, fit_near, relative_error


def moments(x: np.ndarray, wanted: np.ndarray) -> Moments:
    found = Moments(1, x.shape[1], wanted.shape[1])
    found.add(x[None].astype(np.float32), wanted[None].astype(np.float32))
    return found


def data(rows: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 1, (rows, 6)), rng.normal(size=(6, 3)), rng.normal(size=3)


def test_removing_a_dependent_channel_and_refitting_restores_the_outputs() -> None:
    z, weights, bias = data()
    z[:, 5] = z[:, 0] - 2 * z[:, 3] + 1
    wanted = z @ weights + bias
    fit = fit_near(moments(z[:, :5], wanted), weights[None, :5], 1e-6)
    # float32 sums over 600 rows of numbers of the size of one to ten.
    assert np.abs(z[:, :5] @ fit.weights[0] + fit.bias[0] - wanted).max() < 1e-3


def test_a_strong_ridge_leaves_the_weights_where_they_are() -> None:
    z, weights, bias = data()
    fit = fit_near(moments(z, z @ weights * 2 + bias), weights[None], 1e9)
    assert fit.weights[0] == pytest.approx(weights, abs=1e-6)
    mean = (z @ weights * 2 + bias).mean(axis=0)
    assert (z @ fit.weights[0] + fit.bias[0]).mean(axis=0) == pytest.approx(mean, abs=1e-4)


def test_the_error_is_the_mean_square_up_to_a_constant() -> None:
    z, weights, bias = data()
    wanted = z @ weights + bias
    gathered = moments(z, wanted)
    rng = np.random.default_rng(7)
    fits = [Fit(rng.normal(size=(1, 6, 3)), rng.normal(size=(1, 3))) for _ in range(2)]
    errors = [((z @ f.weights[0] + f.bias[0] - wanted) ** 2).mean(axis=0).sum() for f in fits]
    ours = [relative_error(gathered, f) for f in fits]
    assert ours[0] - ours[1] == pytest.approx(errors[0] - errors[1], rel=1e-4)


def test_merged_moments_are_those_of_all_rows() -> None:
    rng = np.random.default_rng(9)
    x, z = rng.normal(3, 1, (90, 4)), rng.normal(-2, 1, (90, 2))
    x[60:] += 7
    z[60:] -= 5
    whole, both = moments(x, z), moments(x[:60], z[:60]).merged(moments(x[60:], z[60:]))
    assert both.count == 90
    for name in ("mean", "original_mean", "covariance", "cross", "second"):
        # Sums of float32 products of numbers up to ten.
        np.testing.assert_allclose(getattr(both, name), getattr(whole, name), rtol=1e-4, atol=1e-4)


def test_what_helps_only_on_the_samples_that_were_fitted_is_not_taken() -> None:
    rng = np.random.default_rng(1)
    start = Fit(rng.normal(size=(1, 6, 3)), np.zeros((1, 3)))

    def few(seed: int) -> Moments:
        x = np.random.default_rng(seed).normal(size=(5, 6))
        noise = np.random.default_rng(seed + 100).normal(size=(5, 3))
        return moments(x, x @ start.weights[0] + noise)

    choice = choose(few(3), few(4), start, ridges=(1e-6,))
    assert not choice.is_better
    assert choice.fit is start


def test_a_fit_that_helps_unseen_samples_is_taken() -> None:
    z, weights, bias = data()
    wanted = z @ weights + bias
    start = Fit(np.zeros((1, 6, 3)), np.zeros((1, 3)))
    choice = choose(moments(z[:300], wanted[:300]), moments(z[300:], wanted[300:]), start)
    assert choice.is_better
    assert choice.after < 0.01 * abs(choice.before - choice.after)
    assert choice.fit.weights[0] == pytest.approx(weights, abs=1e-3)
