"""The best factors of a layer, and how ranks are shared out among layers. Pure.

Of all W' of rank r the one with the least E|(x - Ex)(W' - W)|² is W V V', V being the first r eigenvectors of the
output covariance W'CW (reduced-rank regression: Izenman 1975, Journal of Multivariate Analysis 5; in networks often
called activation-weighted SVD). So the factors are A = W V and B = V', and C, the inputs' covariance, is not inverted.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_LEAST_DAMAGE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Directions of a layer's outputs (outputs, outputs), one a column, and the variance along each, falling."""

    directions: Doubles
    variances: Doubles

    def lost(self, rank: int) -> float:
        """The share of the outputs' variance that `rank` directions leave out."""
        total = float(self.variances.sum())
        return float(self.variances[rank:].sum()) / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A layer that may be factorized.

    Attributes:
        taps, outputs: its matrix.
        damage: error over signal of the model's outputs at each rank from 0 to `most`, and 0 behind it: as it is.
        uses: how often each weight is used in one run; 1 where parameters are counted.
    """

    taps: int
    outputs: int
    damage: Doubles
    uses: int = 1

    def cost(self, rank: int | None) -> int:
        """Weights times uses at a rank; None is the layer as it is."""
        each = self.taps * self.outputs if rank is None else rank * (self.taps + self.outputs)
        return each * self.uses


def most_rank(taps: int, outputs: int) -> int:
    """The largest rank that saves anything, 0 where none does."""
    return max((taps * outputs - 1) // (taps + outputs), 0)


def spectrum(weights: Doubles, covariance: Doubles) -> Spectrum:
    """Of weights (taps, outputs) whose inputs have this covariance (taps, taps)."""
    values, vectors = np.linalg.eigh(weights.T @ covariance @ weights)
    return Spectrum(vectors[:, ::-1], np.maximum(values[::-1], 0.0))


def damage_curve(measured: Mapping[int, float], most: int) -> Doubles:
    """Damage at each rank from 0 to `most` and as it is, from that measured at some ranks: straight between them in
    logarithms, never rising, and convex from rank 1 on, so that the next rank never brings more than the one before."""
    ranks = sorted(measured)
    levels = np.log([max(measured[r], _LEAST_DAMAGE) for r in ranks])
    between = np.exp(np.interp(np.arange(1, most + 1), ranks, levels))
    falling = np.minimum.accumulate(np.append(between, 0.0))
    return np.concatenate([[1.0], _below(falling)])


def share_out(candidates: Sequence[Candidate], budget: float) -> list[int | None]:
    """The rank of each layer (None: as it is) such that the costs add up to at most `budget` and the damages to about
    the least; layers keep rank 1 at least.

    The rank with the most gain for its cost comes next: with convex damages that is optimal but for the last steps.
    """
    ranks: list[int | None] = [1 if len(c.damage) > 2 else None for c in candidates]
    spent = sum(c.cost(r) for c, r in zip(candidates, ranks, strict=True))
    waiting = [(-_gain(c, 1), n) for n, c in enumerate(candidates) if ranks[n] is not None]
    heapq.heapify(waiting)
    while waiting:
        _, number = heapq.heappop(waiting)
        candidate, rank = candidates[number], ranks[number]
        assert rank is not None
        larger = _next(candidate, rank)
        step = candidate.cost(larger) - candidate.cost(rank)
        if spent + step > budget:
            continue
        ranks[number], spent = larger, spent + step
        if larger is not None:
            heapq.heappush(waiting, (-_gain(candidate, larger), number))
    return ranks


def rank_for_loss(lost: Spectrum, most_lost: float, most: int) -> int | None:
    """The least rank that loses at most this share of the variance, None where it saves nothing."""
    return next((rank for rank in range(1, most + 1) if lost.lost(rank) <= most_lost), None)


def _next(candidate: Candidate, rank: int) -> int | None:
    return rank + 1 if rank + 2 < len(candidate.damage) else None


def _gain(candidate: Candidate, rank: int) -> float:
    """Of what comes after this rank, for each unit of its cost."""
    won = float(candidate.damage[rank] - candidate.damage[rank + 1])
    return won / max(candidate.cost(_next(candidate, rank)) - candidate.cost(rank), 1)


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
