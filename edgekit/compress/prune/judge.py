"""How far a changed model's outputs are from the original's on samples that no fit has seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.probe import Feed
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.runtime.litert import LiteRT

Array = npt.NDArray[np.float64]


TEMPERATURE = 4.0
"""Softens probabilities before they are compared: a model that is sure of everything would look as if nothing had
changed while its runners-up already move. Source: Hinton, Vinyals, Dean, Distilling the knowledge in a neural network
(2015), section 2."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How close the outputs are.

    Attributes:
        error: of outputs that are probabilities the mean Kullback-Leibler divergence, softened; of others the squared
            error in shares of the variance; summed over the outputs.
        agreement: the share of samples whose first output has its maximum in the same place; None where it has no
            classes.
    """

    error: float
    agreement: float | None


class Judge:
    """The original's outputs, with which those of changed models are compared.

    Args:
        model: the original.
        feeds: the samples; they and the outputs are held in memory.
    """

    def __init__(self, model: Model, feeds: Iterable[Feed]) -> None:
        self._feeds = list(feeds)
        self._wanted = self._outputs(model)
        makers = model.main.producers()
        ports = {port.name: makers.get(port.tensor) for port in model.outputs()}
        self._probable = {name for name, op in ports.items() if op is not None and op.kind == "SOFTMAX"}

    def verdict(self, model: Model) -> Verdict:
        """How far `model` is from the original."""
        found = self._outputs(model)
        error = sum(
            _divergence(wanted, found[name]) if name in self._probable else _squared(wanted, found[name])
            for name, wanted in self._wanted.items()
        )
        first = next(iter(self._wanted))
        if first not in self._probable:
            return Verdict(float(error), None)
        same = self._wanted[first].argmax(axis=-1) == found[first].argmax(axis=-1)
        return Verdict(float(error), float(same.mean()))

    def _outputs(self, model: Model) -> dict[str, Array]:
        """(samples, values, …) by output; the last axis is the output's own."""
        runtime = LiteRT(write(model))
        stateful = any(t.is_variable for t in model.main.tensors)
        kept: dict[str, list[npt.NDArray[np.generic]]] = {}
        for feed in self._feeds:
            if stateful:
                runtime.reset_variables()
            for name, values in runtime.run_float(feed).items():
                kept.setdefault(name, []).append(values)
        return {name: np.stack(values).astype(np.float64) for name, values in kept.items()}


def _divergence(wanted: Array, found: Array) -> float:
    """Mean Kullback-Leibler divergence at `TEMPERATURE`, times its square."""
    p, q = _softened(wanted), _softened(found)
    return float((p * np.log(p / q)).sum(axis=-1).mean() * TEMPERATURE**2)


def _softened(probabilities: Array) -> Array:
    logits = np.log(np.clip(probabilities, 1e-30, None)) / TEMPERATURE  # float32 probabilities end at about 1e-38
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _squared(wanted: Array, found: Array) -> float:
    spread = ((wanted - wanted.mean(axis=0)) ** 2).mean()
    return float(((wanted - found) ** 2).mean() / max(spread, 1e-12))
