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


@dataclass(frozen=True, slots=True)
class Verdict:
    """How close the outputs are.

    Attributes:
        error: of outputs that are probabilities the mean Kullback-Leibler divergence, of others the squared error in
            shares of the variance; summed over the outputs.
        agreement: the share of samples whose first output has its maximum in the same place.
    """

    error: float
    agreement: float


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
    p, q = (np.clip(x, 1e-7, None) for x in (wanted, found))  # what float32 probabilities cannot tell from nothing
    return float((p * np.log(p / q)).sum(axis=-1).mean())


def _squared(wanted: Array, found: Array) -> float:
    spread = ((wanted - wanted.mean(axis=0)) ** 2).mean()
    return float(((wanted - found) ** 2).mean() / max(spread, 1e-12))
