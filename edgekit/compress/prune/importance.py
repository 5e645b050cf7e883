"""Which units a model can best do without. Pure.

A unit is what goes as a whole: a channel with all that belongs to it. What it is worth is seen at its readers, the
products x @ weights that take it in: what they lose when it goes and the others take over its part as well as they can.
With H the covariance of x and S the taps of a unit, that loss is tr(W_S' [H^-1_SS]^-1 W_S), and
W - H^-1_:S [H^-1_SS]^-1 W_S are the weights of the others afterwards.

Source: Hassibi, Stork, Second order derivatives for network pruning: Optimal Brain Surgeon (NIPS 1992), for groups of
weights and a layer's output error; Frantar, Alistarh, Optimal Brain Compression (NeurIPS 2022), section 3.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

DAMPING = 1e-4
"""Relative to the mean variance of the taps: taps that (nearly) follow from others have a finite inverse."""


class Importance(enum.Enum):
    """How units are put in order; AUTO takes the order whose result, measured, is closest to the original."""

    AUTO = "auto"
    L1 = "l1"
    ACTIVATION = "activation"
    LEAST_SQUARES = "least-squares"


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A product that reads units.

    Attributes:
        mean: (taps,) of its inputs.
        covariance: (taps, taps) of its inputs.
        weights: (taps, outputs).
        units: (n,) the units that it reads.
        taps: (n, k) the taps of each of them.
    """

    mean: Doubles
    covariance: Doubles
    weights: Doubles
    units: Places
    taps: Places

    @property
    def energy(self) -> float:
        """Variance of all outputs together."""
        return float(np.einsum("to,ts,so->", self.weights, self.covariance, self.weights, optimize=True))


@dataclass(frozen=True, slots=True)
class Elimination:
    """Units from the first to go to the last, and what is lost, in shares of the readers' variance, with each."""

    order: tuple[int, ...]
    losses: tuple[float, ...]


def activation_scores(readers: Sequence[Reader], units: int) -> Doubles:
    """(units,) the variance that each unit alone brings into its readers, in shares of theirs."""
    scores = np.zeros(units)
    for reader in readers:
        blocks = reader.covariance[reader.taps[:, :, None], reader.taps[:, None, :]]
        weights = reader.weights[reader.taps]
        own = np.einsum("uto,uts,uso->u", weights, blocks, weights, optimize=True)
        scores[reader.units] += own / max(reader.energy, 1e-30)
    return scores


def by_score(scores: Doubles) -> tuple[int, ...]:
    """Units from the least score to the greatest."""
    return tuple(int(u) for u in np.argsort(scores, kind="stable"))


def eliminate(readers: Sequence[Reader], units: int, order: Sequence[int] | None = None) -> Elimination:
    """Backward elimination: one unit after the other goes, each time the one that is missed least.

    After each, the weights of those that stay take over what they can of its part. With `order` that one is followed,
    and only the losses are computed. Without readers units go from the last to the first, at no known loss.
    """
    states = [_State(r) for r in readers]
    left = np.ones(units, bool)
    gone, losses, total = [], [], 0.0
    for step in range(units):
        if order is not None:
            unit = order[step]
            loss = sum(s.losses(np.array([unit]))[0] for s in states)
        else:
            candidates = np.flatnonzero(left)[::-1]
            scores = np.sum([s.losses(candidates) for s in states], axis=0) if states else np.zeros(len(candidates))
            best = int(np.argmin(scores))
            unit, loss = int(candidates[best]), float(scores[best])
        for state in states:
            state.remove(unit)
        left[unit] = False
        total += float(loss)
        gone.append(int(unit))
        losses.append(total)
    return Elimination(tuple(gone), tuple(losses))


def taken_over(reader: Reader, gone: Places) -> tuple[Doubles, Doubles]:
    """(taps, outputs) weights with which the others take over the part of the taps `gone`, whose own are zero; and
    (outputs,) what the bias has to gain."""
    stay = np.setdiff1d(np.arange(len(reader.covariance)), gone)
    weights = np.zeros_like(reader.weights)
    if stay.size:
        inner = damped(reader.covariance[np.ix_(stay, stay)])
        across = reader.covariance[np.ix_(stay, gone)] @ reader.weights[gone]
        weights[stay] = reader.weights[stay] + np.linalg.solve(inner, across)
    return weights, reader.mean @ (reader.weights - weights)


def damped(covariance: Doubles) -> Doubles:
    """With `DAMPING`, so that it has an inverse."""
    taps = len(covariance)
    level = np.trace(covariance) / taps * DAMPING + 1e-12
    return np.asarray(covariance + level * np.eye(taps), np.float64)


class _State:
    """A reader while its units go: the inverse covariance of the taps that are left, and their weights."""

    def __init__(self, reader: Reader) -> None:
        self._inverse = np.asarray(np.linalg.inv(damped(reader.covariance)), np.float64)
        self._weights = reader.weights / max(reader.energy, 1e-30) ** 0.5
        self._place = {int(u): i for i, u in enumerate(reader.units)}
        self._taps = reader.taps

    def losses(self, units: Places) -> Doubles:
        """(n,) what each unit's going costs; 0 for those that are not read here."""
        found = np.zeros(len(units))
        mine = np.array([i for i, u in enumerate(units) if int(u) in self._place], np.intp)
        if not mine.size:
            return found
        taps = self._taps[[self._place[int(u)] for u in units[mine]]]
        blocks = self._inverse[taps[:, :, None], taps[:, None, :]]
        weights = self._weights[taps]
        found[mine] = np.einsum("uko,uko->u", weights, np.linalg.solve(blocks, weights))
        return found

    def remove(self, unit: int) -> None:
        """Let a unit go; the others take over."""
        if unit not in self._place:
            return
        taps = self._taps[self._place[unit]]
        columns = self._inverse[:, taps].copy()
        block = columns[taps]
        self._weights -= columns @ np.linalg.solve(block, self._weights[taps])
        self._inverse -= columns @ np.linalg.solve(block, columns.T)
        self._weights[taps] = 0
