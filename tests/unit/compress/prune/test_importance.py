"""Importance on cases small enough to know the answer."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.compress.prune.importance import Reader, activation_scores, by_score, eliminate, taken_over


def reader(x: np.ndarray, weights: np.ndarray, taps: np.ndarray | None = None) -> Reader:
    """What rows of inputs show; one tap a unit where nothing else is said."""
    taps = np.arange(x.shape[1])[:, None] if taps is None else taps
    return Reader(x.mean(axis=0), np.cov(x.T, bias=True), weights, np.arange(len(taps)), taps)


def inputs(units: int, rows: int = 400, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(1, 1, (rows, units))


def test_a_channel_that_follows_from_others_goes_first_and_costs_nothing() -> None:
    x = inputs(6)
    x[:, 4] = 2 * x[:, 1] - x[:, 2] + 3
    weights = np.random.default_rng(1).normal(size=(6, 5))
    found = eliminate([reader(x, weights)], 6)
    assert found.order[0] in (1, 2, 4)
    # The damping of 1e-4 keeps the loss from being exactly zero.
    assert found.losses[0] < 1e-3 < found.losses[1]


def test_others_take_over_a_dependent_channel_exactly() -> None:
    x = inputs(6)
    x[:, 4] = 2 * x[:, 1] - x[:, 2] + 3
    weights = np.random.default_rng(1).normal(size=(6, 5))
    changed, shift = taken_over(reader(x, weights), np.array([4]))
    assert not changed[4].any()
    # 1e-4 of damping, against outputs of the size of one.
    assert np.abs(x @ changed + shift - x @ weights).max() < 5e-3


def test_losses_are_those_of_the_best_fit_without_the_units() -> None:
    x, weights = inputs(5, seed=2), np.random.default_rng(3).normal(size=(5, 4))
    x[:, 3] += 0.7 * x[:, 0]
    found = eliminate([reader(x, weights)], 5)
    centred = x - x.mean(axis=0)
    whole = (centred @ weights).var(axis=0).sum()
    for count in (1, 2, 3):
        stay = [u for u in range(5) if u not in found.order[:count]]
        fit, *_ = np.linalg.lstsq(centred[:, stay], centred @ weights, rcond=None)
        left = ((centred[:, stay] @ fit - centred @ weights) ** 2).mean(axis=0).sum()
        assert found.losses[count - 1] == pytest.approx(left / whole, rel=1e-2)  # the damping, summed over steps


def test_units_of_several_taps_go_as_a_whole() -> None:
    x = inputs(6)
    x[:, 2:4] = x[:, 0:2]
    taps = np.array([[0, 1], [2, 3], [4, 5]])
    found = eliminate([reader(x, np.ones((6, 2)), taps)], 3)
    assert found.order[0] in (0, 1)
    assert found.losses[0] < 1e-3


def test_a_unit_is_missed_by_all_its_readers() -> None:
    x = inputs(3)
    one = reader(x, np.array([[1.0], [0.1], [1.0]]))
    other = reader(x, np.array([[1.0], [1.0], [0.1]]))
    assert by_score(activation_scores([one], 3))[0] == 1
    assert by_score(activation_scores([other], 3))[0] == 2
    assert eliminate([one, other], 3).order[-1] == 0


def test_a_unit_without_variance_brings_nothing() -> None:
    x = inputs(4)
    x[:, 2] = 5.0
    scores = activation_scores([reader(x, np.ones((4, 3)))], 4)
    assert scores[2] == pytest.approx(0, abs=1e-12)
    assert eliminate([reader(x, np.ones((4, 3)))], 4).order[0] == 2


def test_an_order_can_be_given() -> None:
    x, weights = inputs(4), np.random.default_rng(5).normal(size=(4, 2))
    free = eliminate([reader(x, weights)], 4)
    forced = eliminate([reader(x, weights)], 4, order=(3, 2, 1, 0))
    assert forced.order == (3, 2, 1, 0)
    assert forced.losses[0] >= free.losses[0] - 1e-12
    assert forced.losses[-1] == pytest.approx(free.losses[-1], rel=1e-6)


def test_without_readers_every_order_is_as_good() -> None:
    assert eliminate([], 3).order == (2, 1, 0)
