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
    """Sums over rows of x (groups, rows, taps) and of z (groups, rows, taps of the original).

    Rows are counted from the mean of the first ones: products are summed in float32, in which a small variance around
    a large mean would be lost, and inputs that never vary would have a negative one.
    """

    def __init__(self, groups: int, taps: int, original_taps: int | None = None) -> None:
        others = original_taps or taps
        self.count = 0
        self._from_x: Floats = np.zeros((groups, 1, taps), np.float32)
        self._from_z: Floats = np.zeros((groups, 1, others), np.float32)
        self._x: Doubles = np.zeros((groups, taps))
        self._z: Doubles = np.zeros((groups, others))
        self._xx: Doubles = np.zeros((groups, taps, taps))
        self._xz: Doubles = np.zeros((groups, taps, others))

    def add(self, x: Floats, z: Floats | None = None) -> None:
        """Count rows; without `z` the changed model's inputs are the original's."""
        if not self.count and x.shape[1]:
            self._from_x = _mean_row(x)
            self._from_z = self._from_x if z is None else _mean_row(z)
        x, z = x - self._from_x, None if z is None else z - self._from_z
        across = np.ascontiguousarray(x.transpose(0, 2, 1))
        self.count += x.shape[1]
        self._x += x.sum(axis=1, dtype=np.float64)
        gram = across @ x
        self._xx += gram
        self._z += (x if z is None else z).sum(axis=1, dtype=np.float64)
        self._xz += gram if z is None else across @ z

    def merged(self, other: Moments) -> Moments:
        """Those of the rows of both: the other's sums are counted from where this one's are."""
        if not self.count:
            return other
        both = Moments(*self._xz.shape)
        both.count = self.count + other.count
        both._from_x, both._from_z = self._from_x, self._from_z
        by_x = (other._from_x - self._from_x)[:, 0].astype(np.float64)
        by_z = (other._from_z - self._from_z)[:, 0].astype(np.float64)
        x, z = other._x + other.count * by_x, other._z + other.count * by_z
        both._x, both._z = self._x + x, self._z + z
        both._xx = self._xx + other._xx + _outer(other._x, by_x) + _outer(by_x, x)
        both._xz = self._xz + other._xz + _outer(other._x, by_z) + _outer(by_x, z)
        return both

    @property
    def mean(self) -> Doubles:
        """E[x], (groups, taps)."""
        return self._x / self.count + self._from_x[:, 0]

    @property
    def original_mean(self) -> Doubles:
        """E[z], (groups, taps of the original)."""
        return self._z / self.count + self._from_z[:, 0]

    @property
    def second(self) -> Doubles:
        """E[x'x], (groups, taps, taps)."""
        mean = self.mean
        return self.covariance + mean[:, :, None] * mean[:, None, :]

    @property
    def covariance(self) -> Doubles:
        """E[(x-Ex)'(x-Ex)], (groups, taps, taps): the Hessian of the output error where a bias takes the mean."""
        mean = self._x / self.count
        return self._xx / self.count - mean[:, :, None] * mean[:, None, :]

    @property
    def cross(self) -> Doubles:
        """E[(x-Ex)'(z-Ez)], (groups, taps, taps of the original)."""
        mean, original = self._x / self.count, self._z / self.count
        return self._xz / self.count - mean[:, :, None] * original[:, None, :]

    def refit(self, weights: Doubles, bias: Doubles, ridge: float = 1e-3, near: Doubles | None = None) -> Fit:
        """The weights for x that come closest to what `weights` and `bias` give for z.

        `ridge` is relative to the mean variance of the taps: it keeps taps that never vary at `near`, or at zero.
        """
        start = 0.0 if near is None else near
        missing = self.cross @ weights - (0.0 if near is None else self.covariance @ near)
        fitted = np.asarray(start + np.linalg.solve(self.damped(ridge), missing), np.float64)
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


def _mean_row(rows: Floats) -> Floats:
    return np.asarray(rows.mean(axis=1, keepdims=True, dtype=np.float64), np.float32)


def _outer(a: Doubles, b: Doubles) -> Doubles:
    return a[:, :, None] * b[:, None, :]
