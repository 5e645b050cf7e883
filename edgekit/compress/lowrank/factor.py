"""The best factors of a layer. Pure.

Of all W' of rank r the one with the least E|(x - Ex)(W' - W)|² is W V V', V being the first r eigenvectors of the
output covariance W'CW (reduced-rank regression: Izenman 1975, Journal of Multivariate Analysis 5; in networks often
called activation-weighted SVD). So the factors are A = W V and B = V', and C, the inputs' covariance, is not inverted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Directions of a layer's outputs (outputs, outputs), one a column, and the variance along each, falling."""

    directions: Doubles
    variances: Doubles

    def lost(self, rank: int) -> float:
        """The share of the outputs' variance that `rank` directions leave out."""
        total = float(self.variances.sum())
        return float(self.variances[rank:].sum()) / total if total > 0 else 0.0


def most_rank(taps: int, outputs: int) -> int:
    """The largest rank that saves anything, 0 where none does."""
    return max((taps * outputs - 1) // (taps + outputs), 0)


def spectrum(weights: Doubles, covariance: Doubles) -> Spectrum:
    """Of weights (taps, outputs) whose inputs have this covariance (taps, taps)."""
    values, vectors = np.linalg.eigh(weights.T @ covariance @ weights)
    return Spectrum(vectors[:, ::-1], np.maximum(values[::-1], 0.0))


def rank_for_loss(lost: Spectrum, most_lost: float, most: int) -> int | None:
    """The least rank that loses at most this share of the variance, None where it saves nothing."""
    return next((rank for rank in range(1, most + 1) if lost.lost(rank) <= most_lost), None)
