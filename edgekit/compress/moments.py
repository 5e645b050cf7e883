"""Second moments of a layer's inputs, and the least squares fit that they allow. Pure.

With x the inputs that a changed model has, z those of the original and W, b the original weights, the W', b' that
minimize E|x W' + b' - z W - b|² follow from E[x], E[z], E[x'x] and E[x'z] alone: samples stream by, nothing is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Weights (groups, taps, outputs) and bias (groups, outputs)."""

    weights: Doubles
    bias: Doubles


class Moments:
    """Sums over rows of x (groups, rows, taps) and of z (groups, rows, taps of the original)."""

    def __init__(self, groups: int, taps: int, original_taps: int | None = None) -> None:
        others = original_taps or taps
        self.count = 0
        self._x: Doubles = np.zeros((groups, taps))
        self._z: Doubles = np.zeros((groups, others))
        self._xx: Doubles = np.zeros((groups, taps, taps))
        self._xz: Doubles = np.zeros((groups, taps, others))

    def add(self, x: Floats, z: Floats | None = None) -> None:
        """Count rows; without `z` the changed model's inputs are the original's."""
        across = np.ascontiguousarray(x.transpose(0, 2, 1))
        self.count += x.shape[1]
        self._x += x.sum(axis=1, dtype=np.float64)
        gram = across @ x
        self._xx += gram
        self._z += (x if z is None else z).sum(axis=1, dtype=np.float64)
        self._xz += gram if z is None else across @ z

    def joined(self, other: Moments) -> Moments:
        """Of the rows of both."""
        groups, taps = self._x.shape
        both = Moments(groups, taps, self._z.shape[1])
        both.count = self.count + other.count
        both._x, both._z = self._x + other._x, self._z + other._z
        both._xx, both._xz = self._xx + other._xx, self._xz + other._xz
        return both

    @property
    def mean(self) -> Doubles:
        """E[x], (groups, taps)."""
        return self._x / self.count

    @property
    def original_mean(self) -> Doubles:
        """E[z], (groups, taps of the original)."""
        return self._z / self.count

    @property
    def second(self) -> Doubles:
        """E[x'x], (groups, taps, taps)."""
        return self._xx / self.count

    @property
    def covariance(self) -> Doubles:
        """E[(x-Ex)'(x-Ex)], (groups, taps, taps): the Hessian of the output error where a bias takes the mean."""
        mean = self.mean
        return self.second - mean[:, :, None] * mean[:, None, :]

    @property
    def cross(self) -> Doubles:
        """E[(x-Ex)'(z-Ez)], (groups, taps, taps of the original)."""
        return self._xz / self.count - self.mean[:, :, None] * self.original_mean[:, None, :]

    def refit(self, weights: Doubles, bias: Doubles, ridge: float = 1e-3) -> Fit:
        """The weights for x that come closest to what `weights` and `bias` give for z.

        `ridge` is relative to the mean variance of the taps: it keeps taps that never vary at zero.
        """
        fitted = np.asarray(np.linalg.solve(self.damped(ridge), self.cross @ weights), np.float64)
        return Fit(fitted, self.bias_for(fitted, weights, bias))

    def damped(self, ridge: float) -> Doubles:
        """The covariance with `ridge` times its mean diagonal, and never nothing, added to its diagonal."""
        covariance = self.covariance
        taps = covariance.shape[-1]
        level = np.trace(covariance, axis1=1, axis2=2) / taps * ridge + 1e-12
        return np.asarray(covariance + level[:, None, None] * np.eye(taps), np.float64)

    def bias_for(self, changed: Doubles, weights: Doubles, bias: Doubles) -> Doubles:
        """The bias with which `changed` has the original's mean outputs."""
        wanted = np.einsum("gt,gto->go", self.original_mean, weights) + bias
        return np.asarray(wanted - np.einsum("gt,gto->go", self.mean, changed))
