"""One budget shared out among layers, by what each bit of it brings. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_LEAST_DAMAGE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A layer that may become smaller, in units such as ranks or twentieths of its weights.

    Attributes:
        unit: the cost of one of them.
        whole: the cost of the layer as it is.
        damage: error over signal of the model's outputs with 0, 1, 2, … units, and 0 behind them: as it is.
    """

    unit: int
    whole: int
    damage: Doubles

    def cost(self, units: int | None) -> int:
        """Of so many units; None is the layer as it is."""
        return self.whole if units is None else units * self.unit


def damage_curve(measured: Mapping[int, float], most: int) -> Doubles:
    """Damage with 0 to `most` units and as it is, from that measured with some numbers of them: straight between them
    in logarithms, never rising, and convex from 1 on, so that a unit never brings more than the one before."""
    known = sorted(measured)
    levels = np.log([max(measured[units], _LEAST_DAMAGE) for units in known])
    between = np.exp(np.interp(np.arange(1, most + 1), known, levels))
    falling = np.minimum.accumulate(np.append(between, 0.0))
    return np.concatenate([[1.0], _below(falling)])


def share_out(candidates: Sequence[Candidate], budget: float) -> list[int | None]:
    """The units of each layer (None: as it is) such that the costs add up to at most `budget` and the damages to about
    the least; layers keep one unit at least.

    The unit with the most gain for its cost comes next: with convex damages that is optimal but for the last ones.
    """
    chosen: list[int | None] = [1 if len(c.damage) > 2 else None for c in candidates]
    spent = sum(c.cost(units) for c, units in zip(candidates, chosen, strict=True))
    waiting = [(-_gain(c, 1), n) for n, c in enumerate(candidates) if chosen[n] is not None]
    heapq.heapify(waiting)
    while waiting:
        _, number = heapq.heappop(waiting)
        candidate, units = candidates[number], chosen[number]
        assert units is not None
        larger = _next(candidate, units)
        step = candidate.cost(larger) - candidate.cost(units)
        if spent + step > budget:
            continue
        chosen[number], spent = larger, spent + step
        if larger is not None:
            heapq.heappush(waiting, (-_gain(candidate, larger), number))
    return chosen


def _next(candidate: Candidate, units: int) -> int | None:
    return units + 1 if units + 2 < len(candidate.damage) else None


def _gain(candidate: Candidate, units: int) -> float:
    """Of what comes after so many units, for each bit of its cost."""
    won = float(candidate.damage[units] - candidate.damage[units + 1])
    return won / max(candidate.cost(_next(candidate, units)) - candidate.cost(units), 1)


def _below(values: Doubles) -> Doubles:
    """The largest convex sequence that is nowhere above `values`."""
    hull: list[int] = []
    for n in range(len(values)):
        while len(hull) > 1 and _above(values, hull[-2], hull[-1], n):
            hull.pop()
        hull.append(n)
    return np.interp(np.arange(len(values)), hull, values[hull])


def _above(values: Doubles, first: int, middle: int, last: int) -> bool:
    """Whether the middle point is on or above the line from the first to the last."""
    slope = (values[last] - values[first]) / (last - first)
    return bool(values[middle] >= values[first] + slope * (middle - first))
