"""Weights that come closest to wanted outputs, near those that they start from. Pure.

With x the inputs that the changed model has and t the outputs that are wanted, the W, b that minimize
E|x W + b - t|² + ridge |W - W0|² follow from the moments of x with x and with t. The ridge keeps what few samples do
not determine where it was; how strong it must be is judged on samples that the fit has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.moments import Fit, Moments

Doubles = npt.NDArray[np.float64]

RIDGES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Relative to the mean variance of the taps."""


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The weights that did best on unseen samples.

    Attributes:
        fit: the weights and the bias; those of the start where nothing did better.
        before, after: mean squared error of the start and of the fit on unseen samples, less what none can change.
    """

    fit: Fit
    before: float
    after: float

    @property
    def is_better(self) -> bool:
        """Whether anything did better than the start."""
        return self.after < self.before


def fit_near(moments: Moments, start: Doubles, ridge: float) -> Fit:
    """The weights (groups, taps, outputs) near `start`, and the bias (groups, outputs), for the outputs that were
    added as `z`."""
    covariance = moments.covariance
    step = np.linalg.solve(moments.damped(ridge), moments.cross - covariance @ start)
    weights = np.asarray(start + step, np.float64)
    return Fit(weights, _bias(moments, weights))


def relative_error(moments: Moments, fit: Fit) -> float:
    """E|x W + b - t|² less E|t - Et|², which does not depend on the fit."""
    covariance, cross = moments.covariance, moments.cross
    spread = np.einsum("gto,gto->", fit.weights, covariance @ fit.weights - 2 * cross)
    shift = _bias(moments, fit.weights) - fit.bias
    return float(spread + (shift**2).sum())


def choose(fitting: Moments, held_out: Moments, start: Fit, ridges: Sequence[float] = RIDGES) -> Choice:
    """The best of: the start, the start with a new bias, and a fit with each ridge.

    What did best on the held out rows is fitted once more, to the rows of both.
    """
    before = relative_error(held_out, start)
    strengths = (None, *ridges)
    errors = [relative_error(held_out, _fit(fitting, start, ridge)) for ridge in strengths]
    best = int(np.argmin(errors))
    if not errors[best] < before:
        return Choice(start, before, before)
    return Choice(_fit(fitting.merged(held_out), start, strengths[best]), before, errors[best])


def _fit(moments: Moments, start: Fit, ridge: float | None) -> Fit:
    """With no ridge only the bias."""
    if ridge is None:
        return Fit(start.weights, _bias(moments, start.weights))
    return fit_near(moments, start.weights, ridge)


def _bias(moments: Moments, weights: Doubles) -> Doubles:
    """With which `weights` has the wanted mean outputs."""
    return np.asarray(moments.original_mean - np.einsum("gt,gto->go", moments.mean, weights))
