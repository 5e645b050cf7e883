"""How far changed outputs are from the original ones, summed while samples stream by."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.graph.model import Graph, Tensor

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

_LEAST = 1e-9  # of a probability, so that a divergence stays finite
_MOVING = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})


class Reading(enum.Enum):
    """What the numbers of an output are."""

    VALUES = "values"
    PROBABILITIES = "probabilities of classes"
    SCORES = "scores of classes before the softmax"
    CHANCE = "the probability of one class"


def reading_of(graph: Graph, output: Tensor) -> Reading:
    """What an output is, by the operator that makes it.

    A softmax gives probabilities, a logistic of one value a chance. A vector out of a dense layer is taken as scores
    of classes, unless it is as long as an input: then it is the input again (an autoencoder).
    """
    makers, tensor = graph.producers(), output
    op = makers.get(tensor)
    while op is not None and op.kind in _MOVING and op.inputs[0] is not None:
        tensor, op = op.inputs[0], makers.get(op.inputs[0])
    kind, classes = op.kind if op is not None else "", output.shape[-1] if output.shape else 1
    if kind == "SOFTMAX" and classes > 1:
        return Reading.PROBABILITIES
    if kind == "LOGISTIC" and output.size == 1:
        return Reading.CHANCE
    plain = kind in ("FULLY_CONNECTED", "LOG_SOFTMAX") and 1 < classes == output.size
    return Reading.SCORES if plain and classes < min(t.size for t in graph.inputs) else Reading.VALUES


def probabilities(values: Array, reading: Reading) -> Doubles:
    """Rows of probabilities, shape (rows, classes)."""
    rows = np.asarray(values, np.float64).reshape(-1, values.shape[-1] if values.ndim else 1)
    if reading is Reading.CHANCE:
        rows = np.concatenate([1 - rows, rows], axis=1)
    if reading is Reading.SCORES:
        rows = np.exp(rows - rows.max(axis=1, keepdims=True))
        rows = rows / rows.sum(axis=1, keepdims=True)
    return np.asarray(rows, np.float64)


@dataclass(frozen=True, slots=True)
class Distance:
    """How far outputs are from the original ones; agreement and divergence are None for what is no classifier."""

    sqnr_db: float
    agreement: float | None = None
    kl_nats: float | None = None


class OutputError:
    """The error of one output."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._signal = self._noise = self._kl = 0.0
        self._rows = self._same = 0

    def add(self, reference: Array, changed: Array) -> None:
        """Count one sample."""
        a, b = np.asarray(reference, np.float64).reshape(-1), np.asarray(changed, np.float64).reshape(-1)
        self._signal += float(a @ a)
        self._noise += float((b - a) @ (b - a))
        if self._reading is Reading.VALUES:
            return
        p, q = probabilities(reference, self._reading), probabilities(changed, self._reading)
        self._rows += len(p)
        self._same += int(np.count_nonzero(p.argmax(axis=1) == q.argmax(axis=1)))
        self._kl += float((p * (np.log(np.maximum(p, _LEAST)) - np.log(np.maximum(q, _LEAST)))).sum())

    def distance(self) -> Distance:
        """What was counted."""
        sqnr = decibels(self._signal, self._noise)
        if not self._rows:
            return Distance(sqnr)
        return Distance(sqnr, self._same / self._rows, max(self._kl / self._rows, 0.0))


def decibels(signal: float, noise: float) -> float:
    """10 log10(signal / noise); infinite without noise, minus infinite with noise alone."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


class Errors:
    """The errors of all outputs that a changed layer can reach."""

    def __init__(self, readings: Mapping[str, Reading]) -> None:
        self._outputs = {name: OutputError(reading) for name, reading in readings.items()}

    def add(self, reference: Mapping[str, Array], changed: Mapping[str, Array]) -> None:
        """Count one sample: outputs by name."""
        for name, error in self._outputs.items():
            error.add(reference[name], changed[name])

    def worst(self) -> Distance:
        """The worst of each measure over the outputs; no output, no error."""
        found = [error.distance() for error in self._outputs.values()]
        agreements = [d.agreement for d in found if d.agreement is not None]
        return Distance(
            min((d.sqnr_db for d in found), default=math.inf), _or_none(agreements, min),
            _or_none([d.kl_nats for d in found if d.kl_nats is not None], max),
        )  # fmt: skip


def _or_none(values: Sequence[float], pick: Any) -> float | None:
    return float(pick(values)) if values else None
