"""Which weights of a layer become zero, and what the others become. Pure.

Of a layer with weights W (taps, outputs) whose inputs have the covariance H the error is Σ (w' - w)' H (w' - w) over
its outputs. A weight's loss, the others refitted, is w² / [H⁻¹]_jj (Optimal Brain Surgeon: Hassibi and Stork 1993; for
whole layers: Frantar and Alistarh 2022 and 2023, arXiv 2208.11580 and 2301.00774). Weights go in a few rounds, and the
others are fitted after each, by conjugate gradients on all outputs at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_ROUNDS = 4
_ITERATIONS = 24  # of conjugate gradients, which begin at the last round's solution
_ENOUGH = 1e-10  # of the first residual's square


def prune(target: Doubles, hessian: Doubles, share: float, block: int = 1) -> Doubles:
    """Weights of which at least `share` (in blocks of `block` successive taps) is zero and that come near to `target`.

    Args:
        target: (taps, outputs); taps a multiple of `block`.
        hessian: (taps, taps), positive definite.
    """
    curvature = 1 / np.maximum(np.diag(np.linalg.inv(hessian)), 1e-300)
    weights, kept = target.copy(), np.ones(target.shape, bool)
    for done in range(1, _ROUNDS + 1):
        wanted = share * (1 - (1 - done / _ROUNDS) ** 3)
        kept = _keep(np.square(weights) * curvature[:, None], kept, wanted, block)
        weights = refit(target, hessian, kept, weights)
    return weights


def refit(target: Doubles, hessian: Doubles, kept: Mask, start: Doubles) -> Doubles:
    """The weights, zero where not `kept`, with the least (w - target)' H (w - target) for each output."""
    weights = start * kept
    scale = 1 / np.diag(hessian)[:, None]
    residual = (hessian @ (target - weights)) * kept
    direction = residual * scale
    power = (residual * direction).sum(axis=0)
    first = np.maximum(power, 1e-300)
    for _ in range(_ITERATIONS):
        if (power <= _ENOUGH * first).all():
            break
        bent = (hessian @ direction) * kept
        length = power / np.maximum((direction * bent).sum(axis=0), 1e-300)
        weights += length * direction
        residual -= length * bent
        fresh = residual * scale
        before, power = power, (residual * fresh).sum(axis=0)
        direction = fresh + power / np.maximum(before, 1e-300) * direction
    return weights * kept


def _keep(losses: Doubles, kept: Mask, share: float, block: int) -> Mask:
    """The mask without the blocks that cost least, such that `share` of all is gone; what is gone stays gone."""
    taps, outputs = losses.shape
    blocks = np.where(kept, losses, -1.0).reshape(taps // block, block, outputs).sum(axis=1)
    gone = int(np.ceil(share * blocks.size - 1e-9))
    mask = np.ones(blocks.size, bool)
    mask[np.argsort(blocks, axis=None, kind="stable")[:gone]] = False
    return mask.reshape(blocks.shape).repeat(block, axis=0)
