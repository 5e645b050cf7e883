"""A table as fewer and shorter rows: table[v] is about codes[index[v]] @ projection. Pure.

The error of a row e is (e - e') S (e - e')', where S = Σ W W' over the layers W that read it, and rows are weighted by
how often they are read. In the metric of S the shorter rows are the first principal components, and the fewer rows are
the centres of weighted k-means (Lloyd 1982, IEEE Transactions on Information Theory 28).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int32]

_ROUNDS = 8
_CHUNK = 1024  # rows whose distances to all centres are held at once
_LEAST = 1e-4  # of the mean eigenvalue of S: what no reader sees counts so much


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A smaller table.

    Attributes:
        codes: (rows, rank).
        index: (vocabulary,), the row of each token; None where every token has its own.
        projection: (rank, width).
        lost: the weighted share of the table's variance, as its readers see it, that is lost.
    """

    codes: Floats
    index: Indices | None
    projection: Floats
    lost: float


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """A table in the metric of its readers: rows (vocabulary, components) with components of falling variance,
    the way back (components, width), and the weight of each row."""

    rows: Doubles
    back: Doubles
    weights: Doubles


def space(table: npt.NDArray[np.generic], metric: Doubles, weights: Doubles) -> Space:
    """The principal components of a table (vocabulary, width) under a metric (width, width)."""
    values, vectors = np.linalg.eigh(metric)
    values = np.maximum(values, _LEAST * max(float(values.mean()), 1e-30))
    root, inverse = (vectors * values**0.5) @ vectors.T, (vectors * values**-0.5) @ vectors.T
    rows = np.asarray(table, np.float64) @ root
    _, axes = np.linalg.eigh((rows * weights[:, None]).T @ rows)
    axes = axes[:, ::-1]
    return Space(rows @ axes, axes.T @ inverse, weights)


def reduce(table: Space, rank: int, rows: int) -> Reduced:
    """Rows of `rank` numbers, of which `rows` differ; all of them where that is not fewer."""
    short = table.rows[:, :rank]
    centres, index = cluster(short, table.weights, rows) if rows < len(short) else (short, None)
    found = centres if index is None else centres[index]
    squares = np.square(found - short).sum(axis=1) + np.square(table.rows[:, rank:]).sum(axis=1)
    total = float((table.weights * np.square(table.rows).sum(axis=1)).sum())
    lost = float((table.weights * squares).sum()) / total if total > 0 else 0.0
    return Reduced(centres.astype(np.float32), index, table.back[:rank].astype(np.float32), lost)


def cluster(points: Doubles, weights: Doubles, count: int) -> tuple[Doubles, Indices]:
    """At most `count` centres and the one of each point; exact where no more points differ."""
    distinct, index = np.unique(points.round(12), axis=0, return_inverse=True)
    if len(distinct) <= count:
        return distinct, index.reshape(-1).astype(np.int32)
    mean = np.average(points, axis=0, weights=weights)
    order = np.argsort(-weights * np.square(points - mean).sum(axis=1), kind="stable")
    centres = points[order[:count]]
    index = _nearest(points, centres)
    for _ in range(_ROUNDS):
        mass = np.bincount(index, weights, count)
        sums = np.stack([np.bincount(index, weights * column, count) for column in points.T], axis=1)
        centres = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-300)[:, None], centres)
        index = _nearest(points, centres)
    used, index = np.unique(index, return_inverse=True)
    return centres[used], index.reshape(-1).astype(np.int32)


def _nearest(points: Doubles, centres: Doubles) -> npt.NDArray[np.intp]:
    lengths = np.square(centres).sum(axis=1)
    return np.concatenate(
        [
            (lengths - 2 * points[start : start + _CHUNK] @ centres.T).argmin(axis=1)
            for start in range(0, len(points), _CHUNK)
        ]
    )
