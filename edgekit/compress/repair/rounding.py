"""Rounding weights to a grid so that the layer's outputs, not its weights, come out closest. Pure.

With H the second moments of a layer's inputs, rounding w to s*q gives the mean squared output error e'He, e = s*q - w.
Arrays are (groups, taps, outputs of a group) for weights, (groups, taps, taps) for H, (groups, outputs) for scales.

Sources: Frantar et al., "GPTQ" (2022), and "Optimal Brain Compression" (2022), for the rounding that lets the weights
not yet rounded make up for those that are; Nagel et al., "Up or Down?" (2020), for the objective.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

RATIOS = np.linspace(1.0, 0.3, 29)  # of the scale that covers the largest weight
_FEW = 7  # the largest integer of four bits
_AROUND = (1.0, 0.8, 0.87, 0.93, 1.07, 1.15, 1.25)  # times the scale found by nearest rounding
_SETTLED = 1e-4  # a smaller gain, relative to the error, ends the rounds


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Integers (groups, taps, outputs), held as doubles, and scales (groups, outputs)."""

    integers: Doubles
    scales: Doubles

    @property
    def real(self) -> Doubles:
        """What they stand for."""
        return self.integers * self.scales[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """What a grid may be: integers in [-most, most], scales of at least `least` (groups, outputs), one or one each.

    `fixed` are the scales where they are not to be chosen.
    """

    most: int
    least: Doubles
    per_channel: bool = True
    fixed: Doubles | None = None


def output_error(hessian: Doubles, error: Doubles) -> Doubles:
    """e'He for each output, (groups, outputs)."""
    return np.asarray(((hessian @ error) * error).sum(axis=1), np.float64)


def nearest(weights: Doubles, scales: Doubles, most: int) -> Grid:
    """Each weight to its nearest integer."""
    return Grid(np.clip(np.rint(weights / scales[:, None]), -most, most), scales)


def search_scales(weights: Doubles, hessian: Doubles, bounds: Bounds) -> Doubles:
    """The scales, between 0.3 and 1.0 of those that cover the largest weight, with the least output error."""
    full = np.maximum(np.abs(weights).max(axis=1) / bounds.most, bounds.least)
    if not bounds.per_channel:
        full = np.full_like(full, full.max())
    best, least = full, np.full_like(full, np.inf)
    for ratio in RATIOS:
        scales = np.maximum(full * ratio, bounds.least)
        error = output_error(hessian, nearest(weights, scales, bounds.most).real - weights)
        if not bounds.per_channel:
            scales, error = np.full_like(full, scales.max()), np.full_like(error, error.sum())
        better = error < least
        best, least = np.where(better, scales, best), np.where(better, error, least)
    return np.asarray(best, np.float64)


def successive(weights: Doubles, hessian: Doubles, scales: Doubles, most: int) -> Grid:
    """Round tap by tap, those with the most signal first, and let the ones that follow make up for the error (GPTQ)."""
    order = np.argsort(-np.diagonal(hessian, axis1=1, axis2=2), axis=1, kind="stable")
    ordered = np.take_along_axis(np.take_along_axis(hessian, order[:, :, None], 1), order[:, None, :], 2)
    upper = _factor(ordered)
    left = np.take_along_axis(weights, order[:, :, None], 1)
    integers = np.zeros_like(left)
    for tap in range(left.shape[1]):
        integers[:, tap] = np.clip(np.rint(left[:, tap] / scales), -most, most)
        error = (left[:, tap] - integers[:, tap] * scales) / upper[:, tap, tap, None]
        left[:, tap:] -= upper[:, tap, tap:, None] * error[:, None]
    back = np.argsort(order, axis=1, kind="stable")
    return Grid(np.take_along_axis(integers, back[:, :, None], 1), scales)


def _factor(hessian: Doubles) -> Doubles:
    """U with U'U the inverse of `hessian`, whose diagonal is raised until it is positive definite in doubles too."""
    level = np.trace(hessian, axis1=1, axis2=2).max() / hessian.shape[-1] * 1e-8 + 1e-30
    while True:
        try:
            return np.asarray(np.linalg.cholesky(np.linalg.inv(hessian)).transpose(0, 2, 1), np.float64)
        except np.linalg.LinAlgError:
            hessian, level = hessian + level * np.eye(hessian.shape[-1]), level * 10


def descend(grid: Grid, weights: Doubles, hessian: Doubles, most: int, rounds: int) -> Grid:
    """Set one integer after the other to its best value while all others stay, `rounds` times over.

    The output error never grows.
    """
    integers, scales = grid.integers.copy(), grid.scales
    diagonal = np.maximum(np.diagonal(hessian, axis1=1, axis2=2), 1e-30)
    pull = hessian @ (integers * scales[:, None] - weights)
    for _ in range(rounds):
        moved = 0
        for tap in range(integers.shape[1]):
            wanted = integers[:, tap] - pull[:, tap] / (diagonal[:, tap, None] * scales)
            new = np.clip(np.rint(wanted), -most, most)
            step = new - integers[:, tap]
            if step.any():
                moved += int(np.count_nonzero(step))
                pull += hessian[:, :, tap, None] * (step * scales)[:, None]
                integers[:, tap] = new
        if moved <= _SETTLED * integers.size:
            break
    return Grid(integers, scales)


def rescaled(grid: Grid, weights: Doubles, hessian: Doubles, bounds: Bounds) -> Grid:
    """The same integers with the scales that fit them best: q'Hw / q'Hq."""
    along = hessian @ grid.integers
    above, below = (along * weights).sum(axis=1), (along * grid.integers).sum(axis=1)
    if not bounds.per_channel:
        above, below = np.full_like(above, above.sum()), np.full_like(below, below.sum())
    usable = (below > 0) & (above > 0)
    scales = np.where(usable, above / np.where(usable, below, 1.0), grid.scales)
    return Grid(grid.integers, np.maximum(scales, bounds.least))


def round_weights(weights: Doubles, hessian: Doubles, bounds: Bounds, rounds: int) -> Grid:
    """Scales and integers together: a search by nearest rounding, then successive rounding, descent and scales in turn.

    Where integers are few, scales around the one found are tried the whole way, and each output keeps its best.
    """
    start = search_scales(weights, hessian, bounds) if bounds.fixed is None else bounds.fixed
    tried = _AROUND if bounds.most <= _FEW and bounds.fixed is None else (1.0,)
    best: Grid | None = None
    for ratio in tried:
        scales = start if bounds.fixed is not None else np.maximum(start * ratio, bounds.least)
        grid = _settled(successive(weights, hessian, scales, bounds.most), weights, hessian, bounds, rounds)
        best = grid if best is None else _better(best, grid, weights, hessian, bounds)
    assert best is not None
    return best


def _settled(grid: Grid, weights: Doubles, hessian: Doubles, bounds: Bounds, rounds: int) -> Grid:
    for _ in range(rounds):
        grid = descend(grid, weights, hessian, bounds.most, 2)
        if bounds.fixed is None:
            grid = rescaled(grid, weights, hessian, bounds)
    return descend(grid, weights, hessian, bounds.most, 2)


def _better(a: Grid, b: Grid, weights: Doubles, hessian: Doubles, bounds: Bounds) -> Grid:
    """Each output's better grid; of all outputs together where they share a scale."""
    error_a, error_b = (output_error(hessian, g.real - weights) for g in (a, b))
    if not bounds.per_channel:
        return a if error_a.sum() <= error_b.sum() else b
    take = error_b < error_a
    return Grid(np.where(take[:, None], b.integers, a.integers), np.where(take, b.scales, a.scales))
