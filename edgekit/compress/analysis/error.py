"""How far changed outputs are from the original ones, summed while samples stream by."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class OutputSums:
    """What was counted of one output: powers of signal and error, and of class scores the rows, how many of them keep
    their top class, and the divergence."""

    signal: float = 0.0
    noise: float = 0.0
    rows: int = 0
    same: int = 0
    kl_nats: float = 0.0

    def distance(self) -> Distance:
        """The measures."""
        sqnr = decibels(self.signal, self.noise)
        if not self.rows:
            return Distance(sqnr)
        return Distance(sqnr, self.same / self.rows, max(self.kl_nats / self.rows, 0.0))

    def with_sample(self, reference: Array, changed: Array, reading: Reading) -> OutputSums:
        """These sums with one sample more."""
        a, b = np.asarray(reference, np.float64).reshape(-1), np.asarray(changed, np.float64).reshape(-1)
        powers = replace(self, signal=self.signal + float(a @ a), noise=self.noise + float((b - a) @ (b - a)))
        if reading is Reading.VALUES:
            return powers
        p, q = probabilities(reference, reading), probabilities(changed, reading)
        kl = float((p * (np.log(np.maximum(p, _LEAST)) - np.log(np.maximum(q, _LEAST)))).sum())
        same = int(np.count_nonzero(p.argmax(axis=1) == q.argmax(axis=1)))
        return replace(powers, rows=self.rows + len(p), same=self.same + same, kl_nats=self.kl_nats + kl)


def decibels(signal: float, noise: float) -> float:
    """10 log10(signal / noise); infinite without noise, minus infinite with noise alone."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


class Errors:
    """The errors of all outputs that a changed layer can reach; `sums` by the outputs' names."""

    def __init__(self, readings: Mapping[str, Reading]) -> None:
        self._readings = readings
        self.sums: dict[str, OutputSums] = {name: OutputSums() for name in readings}

    def add(self, reference: Mapping[str, Array], changed: Mapping[str, Array]) -> None:
        """Count one sample: outputs by name."""
        for name, reading in self._readings.items():
            self.sums[name] = self.sums[name].with_sample(reference[name], changed[name], reading)

    def worst(self) -> Distance:
        """The worst of each measure over the outputs; no output, no error."""
        found = [sums.distance() for sums in self.sums.values()]
        agreements = [d.agreement for d in found if d.agreement is not None]
        divergences = [d.kl_nats for d in found if d.kl_nats is not None]
        sqnr = min((d.sqnr_db for d in found), default=math.inf)
        return Distance(sqnr, min(agreements, default=None), max(divergences, default=None))
