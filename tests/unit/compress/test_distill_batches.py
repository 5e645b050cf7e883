"""Which samples a training sees, in which order, and how they are varied."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from edgekit.compress.distill.adam import rate_at
from edgekit.compress.distill.batches import epoch_order, split, vary
from edgekit.compress.distill.options import Augment


def test_held_out_samples_are_never_trained_on() -> None:
    parts = split(103, 0.1, seed=5)
    assert len(parts.held) == 10 and len(parts.training) == 93
    assert sorted([*parts.held, *parts.training]) == list(range(103))
    assert split(2, 0.9, seed=5).training.size == split(2, 0.9, seed=5).held.size == 1


def test_every_epoch_has_its_own_order_and_it_is_always_that() -> None:
    training = np.arange(100, 150)
    first, second = (epoch_order(training, epoch, 16, seed=1) for epoch in (0, 1))
    assert [len(batch) for batch in first] == [16, 16, 16]
    assert len(set(np.concatenate(first))) == 48
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    assert np.array_equal(np.concatenate(first), np.concatenate(epoch_order(training, 0, 16, seed=1)))
    assert [len(batch) for batch in epoch_order(training[:5], 0, 16, seed=1)] == [5]


def test_images_move_and_are_mirrored_and_nothing_else_is() -> None:
    image = np.arange(16 * 16, dtype=np.float32).reshape(1, 16, 16, 1).repeat(64, axis=0)
    feed = {"image": image, "vector": np.ones((64, 5), np.float32)}
    moved = vary(feed, Augment.SHIFT_FLIP, False, (1, 2))
    assert moved["image"].shape == image.shape and moved["vector"] is feed["vector"]
    steps = np.diff(moved["image"][:, 8, :, 0], axis=1)
    assert {tuple(np.unique(np.sign(row[2:-2]))) for row in steps} == {(1.0,), (-1.0,)}, "some of each"
    centres = {float(x) for x in moved["image"][:, 8, 8, 0]}
    assert len(centres) > 10
    only_moved = vary(feed, Augment.SHIFT, False, (1, 2))["image"]
    assert (np.diff(only_moved, axis=2) >= 0).all(), "edges are repeated, nothing is mirrored"


def test_blends_lie_between_two_samples_and_integers_stay() -> None:
    feed = {"x": np.repeat(np.arange(64, dtype=np.float32)[:, None], 3, axis=1), "ids": np.arange(64)}
    mixed = vary(feed, Augment.NONE, True, (3,))
    assert np.array_equal(mixed["ids"], feed["ids"])
    assert mixed["x"].min() >= 0 and mixed["x"].max() <= 63
    changed = (mixed["x"] != feed["x"]).any(axis=1).mean()
    assert 0.3 < changed < 0.7
    assert vary(feed, Augment.NONE, False, (3,))["x"] is feed["x"]


def test_the_rate_rises_shortly_and_falls_to_nothing() -> None:
    rates = [rate_at(step, 200, 1.0) for step in range(201)]
    assert rates[0] == 0.05 and max(rates) == rates[19] > 0.97
    assert all(a >= b for a, b in pairwise(rates[19:])) and rates[200] == 0
