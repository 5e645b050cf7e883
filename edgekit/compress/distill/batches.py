"""Batches of samples: which ones, in which order, and how they are varied. Pure, and the same every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.distill.options import Augment

Array = npt.NDArray[Any]
Order = npt.NDArray[np.intp]

_REACH = 8  # an image moves by at most a part of 1/8 of its size


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Numbers of samples: those that are trained on, and those held out."""

    training: Order
    held: Order


def split(count: int, part: float, seed: int) -> Split:
    """`part` of `count` samples is held out, at least one; at least one is trained on."""
    order = np.random.default_rng(seed).permutation(count)
    held = min(max(1, round(part * count)), count - 1)
    return Split(np.sort(order[held:]), np.sort(order[:held]))


def epoch_order(training: Order, epoch: int, batch: int, seed: int) -> list[Order]:
    """One epoch's batches, all of one size: what is left over waits for another epoch."""
    order = np.random.default_rng((seed, epoch)).permutation(training)
    size = min(batch, len(order))
    return [order[start : start + size] for start in range(0, len(order) - size + 1, size)]


def vary(feed: Mapping[str, Array], how: Augment, mix: bool, seed: tuple[int, ...]) -> dict[str, Array]:
    """A batch with every image moved, perhaps mirrored, and every sample perhaps blended with another.

    Integers are no images, and blends of them mean nothing: they stay.
    """
    rng = np.random.default_rng(seed)
    varied = dict(feed)
    for name, array in feed.items():
        if how is not Augment.NONE and array.ndim == 4:
            varied[name] = _shifted(array, how is Augment.SHIFT_FLIP, rng)
    return _mixed(varied, rng) if mix else varied


def _shifted(images: Array, flip: bool, rng: np.random.Generator) -> Array:
    """Every image moved by up to 1/8 of its size, its edge repeated into what opens; half of them mirrored."""
    count, high, wide, _ = images.shape
    reach = (high // _REACH, wide // _REACH)
    padded = np.pad(images, ((0, 0), (reach[0], reach[0]), (reach[1], reach[1]), (0, 0)), mode="edge")
    down = rng.integers(0, 2 * reach[0] + 1, count)[:, None] + np.arange(high)
    right = rng.integers(0, 2 * reach[1] + 1, count)[:, None] + np.arange(wide)
    if flip:
        mirrored = rng.random(count) < 0.5
        right[mirrored] = right[mirrored][:, ::-1]
    moved: Array = padded[np.arange(count)[:, None, None], down[:, :, None], right[:, None, :]]
    return moved


def _mixed(feed: dict[str, Array], rng: np.random.Generator) -> dict[str, Array]:
    """Half of the samples blended with another one, at any share."""
    count = len(next(iter(feed.values())))
    other = rng.permutation(count)
    share = np.where(rng.random(count) < 0.5, rng.random(count), 1.0).astype(np.float32)
    mixed = {}
    for name, array in feed.items():
        if array.dtype != np.float32:
            mixed[name] = array
            continue
        weight = share.reshape(-1, *(1,) * (array.ndim - 1))
        mixed[name] = (weight * array + (1 - weight) * array[other]).astype(np.float32)
    return mixed


def parts(order: Order, size: int) -> Iterator[Order]:
    """`order` in pieces of at most `size`."""
    return (order[start : start + size] for start in range(0, len(order), size))
