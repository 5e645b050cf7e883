"""One layer: from the moments of its inputs to integers, scales and bias. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.moments import Moments
from edgekit.compress.repair.rounding import Bounds, Doubles, Grid, output_error, round_weights

# Ridges grow with the inputs of an output and shrink with the rows that the moments rest on: rows of one image are
# alike, and a fit to few of them does not hold on other images. Measured on ResNet8, a torch ResNet, the vww MobileNet.
_FIT_RIDGE = 10.0
_ROUNDING_RIDGE = 1.0
_BIAS_MAX = 2.0**30  # in steps of the bias's grid: int32, with as much room again for the sum of products
_LEAST_SHARE = 2.0**-20  # of the largest channel's scale, below which a kernel cannot rescale a channel


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What a layer shall give, and on which grid.

    Attributes:
        weights, bias: the float layer's, (groups, taps, outputs) and (groups, outputs).
        now, now_bias: real values of what stands there at present.
        most: the largest integer.
        per_channel: a scale for each output, or one for all.
        data_scale: of the input; 0 where that is float.
        has_bias: whether the bias takes the mean difference.
    """

    weights: Doubles
    bias: Doubles
    now: Doubles
    now_bias: Doubles
    most: int
    per_channel: bool
    data_scale: float
    has_bias: bool


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A grid with its bias, and the output error before and after, relative to the output's variance.

    What no weights on these inputs could mend is not counted.
    """

    grid: Grid
    bias: Doubles
    error_before: float
    error_after: float


def solve(problem: Problem, moments: Moments, rounds: int, ridge: float) -> Solution:
    """The grid and bias whose outputs on the changed inputs are closest to the float layer's on its own."""
    share = problem.weights.shape[1] / moments.count
    hessian = moments.damped(max(ridge, _ROUNDING_RIDGE * share))
    held = moments.damped(max(ridge, _FIT_RIDGE * share))
    fit = problem.weights + np.linalg.solve(held, (moments.cross - moments.covariance) @ problem.weights)
    grid = round_weights(fit, hessian, Bounds(problem.most, _least(problem, fit), problem.per_channel), rounds)
    bias = moments.bias_for(grid.real, problem.weights, problem.bias) if problem.has_bias else problem.bias
    signal = max(float(output_error(moments.covariance, fit).sum()), 1e-30)
    before = output_error(moments.covariance, problem.now - fit)
    before = before + np.square(problem.now_bias - moments.bias_for(problem.now, problem.weights, problem.bias))
    after = output_error(moments.covariance, grid.real - fit)
    return Solution(grid, bias, float(before.sum()) / signal, float(after.sum()) / signal)


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
