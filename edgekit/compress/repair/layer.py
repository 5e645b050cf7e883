"""One layer: from the moments of its inputs to integers, scales and bias. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.moments import Moments
from edgekit.compress.repair.rounding import Bounds, Doubles, Grid, output_error, round_weights

_ROUNDING_RIDGE = 1.0  # times taps / rows: rows of one image are alike, and few of them say little of other images
_FIT_RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 1e6)  # the last one leaves the weights as they are
_CAUTION = 4.0  # times the ridge that did best: errors of a fit add up over the layers behind
_BIAS_MAX = 2.0**30  # in steps of the bias's grid: int32, with as much room again for the sum of products
_LEAST_SHARE = 2.0**-20  # of the largest channel's scale, below which a kernel cannot rescale a channel


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What a layer shall give, and on which grid.

    Attributes:
        weights, bias: the float layer's, (groups, taps, outputs) and (groups, outputs).
        now, now_bias: what stands there at present; the bias in real values.
        most: the largest integer.
        per_channel: a scale for each output, or one for all.
        data_scale: of the input; 0 where that is float.
        has_bias: whether the bias takes the mean difference.
        keeps_scales: whether only integers and bias may change, because a target wants the scales that are there.
    """

    weights: Doubles
    bias: Doubles
    now: Grid
    now_bias: Doubles
    most: int
    per_channel: bool
    data_scale: float
    has_bias: bool
    keeps_scales: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A grid with its bias, and the output error before and after, relative to the output's variance.

    What no weights on these inputs could mend is not counted.
    """

    grid: Grid
    bias: Doubles
    error_before: float
    error_after: float


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """Moments of two halves of the samples, and of both."""

    first: Moments
    second: Moments
    both: Moments


def solve(problem: Problem, halves: Halves, rounds: int, ridge: float) -> Solution:
    """The grid and bias whose outputs on the changed inputs are closest to the float layer's on its own.

    Where nothing better is found than what stands there, its integers and scales stay.
    """
    moments, aim = halves.both, _aim(problem.weights, halves.both)
    hessian = moments.damped(rounding_ridge(moments, ridge))
    fit = refit(problem.weights, aim, moments, best_ridge(problem.weights, aim, halves))
    scales = problem.now.scales if problem.keeps_scales else None
    bounds = Bounds(problem.most, _least(problem, fit), problem.per_channel, scales)
    found = _solution(problem, round_weights(fit, hessian, bounds, rounds), moments, fit)
    return found if found.error_after < found.error_before else _solution(problem, problem.now, moments, fit)


def correct_bias(problem: Problem, halves: Halves) -> Solution:
    """What stands there, with the bias that gives the float layer's mean outputs."""
    return _solution(problem, problem.now, halves.both, problem.weights)


def _solution(problem: Problem, grid: Grid, moments: Moments, fit: Doubles) -> Solution:
    """A grid with its bias, its errors measured against `fit`."""
    aim, covariance = _aim(problem.weights, moments), moments.covariance
    signal = max(float(output_error(covariance, fit).sum()), 1e-30)

    def error(weights: Doubles, bias: Doubles) -> float:
        missed = np.square(bias - moments.bias_for(weights, aim, problem.bias))
        return float((output_error(covariance, weights - fit) + missed).sum()) / signal

    bias = moments.bias_for(grid.real, aim, problem.bias) if problem.has_bias else problem.now_bias
    return Solution(grid, bias, error(problem.now.real, problem.now_bias), error(grid.real, bias))


def refit(weights: Doubles, aim: Doubles, moments: Moments, ridge: float) -> Doubles:
    """The weights that give on x what `aim` gives on z, held to `weights` by `ridge` times the mean variance."""
    missing = moments.cross @ aim - moments.covariance @ weights
    return np.asarray(weights + np.linalg.solve(moments.damped(ridge), missing), np.float64)


def best_ridge(weights: Doubles, aim: Doubles, halves: Halves) -> float:
    """The ridge at which what is fitted to one half of the samples does best on the other half, with caution."""
    errors = [
        sum(_missed(refit(weights, aim, one, ridge), aim, other)
            for one, other in ((halves.first, halves.second), (halves.second, halves.first)))
        for ridge in _FIT_RIDGES
    ]  # fmt: skip
    return _CAUTION * _FIT_RIDGES[int(np.argmin(errors))]


def _missed(fit: Doubles, aim: Doubles, moments: Moments) -> float:
    """The squared error of `fit` on these moments, but for a part that is the same for all fits."""
    return float((output_error(moments.covariance, fit) - 2 * (fit * (moments.cross @ aim)).sum(axis=1)).sum())


def rounding_ridge(moments: Moments, least: float = 1e-3) -> float:
    """How much the covariance is damped for rounding."""
    return max(least, _ROUNDING_RIDGE * _share(moments))


def _share(moments: Moments) -> float:
    return int(moments.mean.shape[-1]) / max(moments.count, 1)


def _aim(weights: Doubles, moments: Moments) -> Doubles:
    """The float weights, and below them a one for each output where the moments hold what is added to it."""
    more = moments.cross.shape[2] - weights.shape[1]
    return np.concatenate([weights, np.eye(more)[None]], axis=1) if more else weights


def _least(problem: Problem, fit: Doubles) -> Doubles:
    """Below these scales the bias would not fit its integers, or the kernel could not rescale."""
    largest = np.abs(fit).max() / problem.most
    least = np.full(problem.bias.shape, max(largest * _LEAST_SHARE, 1e-12))
    if not problem.data_scale:
        return least
    return np.asarray(np.maximum(least, np.abs(problem.bias) / (problem.data_scale * _BIAS_MAX)), np.float64)


def gather_bias(values: npt.NDArray[np.generic] | None, like: Doubles) -> Doubles:
    """A bias as (groups, outputs) of `like`; zeros where there is none."""
    return np.zeros_like(like) if values is None else np.asarray(values, np.float64).reshape(like.shape)
