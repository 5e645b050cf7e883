"""The plan of the step "distill": how the training went, and the constants that it ended with."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.compress.distill.options import DistillOptions
from edgekit.compress.distill.store import Stored
from edgekit.compress.step import Change


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training went: losses of each epoch, `held` with that before the first one in front.

    Attributes:
        epochs: how many were meant to be, of the options or of the minutes.
        best: the epoch whose weights are taken; 0 means that none was better than the start.
        samples: those trained on and held out.
        features: how many inner tensors were compared.
    """

    epochs: int
    best: int
    train: tuple[float, ...]
    held: tuple[float, ...]
    samples: int
    features: int


@dataclass(frozen=True, slots=True, eq=False)
class DistillPlan:
    """The whole decision; `apply` adds nothing to it."""

    options: DistillOptions
    outcome: Outcome
    stored: tuple[Stored, ...]
    changes: tuple[Change, ...]
    predicted_bytes: int

    def explain(self) -> tuple[str, ...]:
        """What was done and why, a sentence a line."""
        o = self.outcome
        ran = len(o.train)
        start, best = o.held[0], o.held[o.best]
        if not o.best:
            return (f"trained for {ran} epochs on {o.samples} samples against the original: the held-out loss stayed "
                    f"above the {start:.4g} that it began with, so nothing changes",)  # fmt: skip
        lines = [f"trained for {ran} of {o.epochs} epochs on {o.samples} samples against the original's outputs"
                 + (f" and {o.features} inner tensors" if o.features else "")
                 + f": the loss of the held-out ones fell from {start:.4g} to {best:.4g} (epoch {o.best})"]  # fmt: skip
        if ran < o.epochs:
            lines.append(f"stopped early: {self.options.patience} epochs brought the held-out samples nothing")
        if o.epochs < self.options.epochs:
            lines.append(f"{self.options.epochs} epochs would have taken more than {self.options.minutes:g} minutes")
        return tuple(lines)

    def to_json(self) -> dict[str, object]:
        """Plain values; arrays as base64 of their little-endian bytes."""
        o = self.outcome
        return {
            "options": self.options.to_json(),
            "outcome": [o.epochs, o.best, list(o.train), list(o.held), o.samples, o.features],
            "stored": [[s.index, _packed(s.data), _packed(s.scale)] for s in self.stored],
            "changes": [[c.op, c.kind, c.what, c.why] for c in self.changes],
            "predicted_bytes": self.predicted_bytes,
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> DistillPlan:
        """What `to_json` wrote."""
        epochs, best, train, held, samples, features = plain["outcome"]
        return DistillPlan(
            DistillOptions.from_mapping(plain["options"]),
            Outcome(epochs, best, tuple(train), tuple(held), samples, features),
            tuple(Stored(index, _unpacked(data), _unpacked(scale)) for index, data, scale in plain["stored"]),
            tuple(Change(*row) for row in plain["changes"]),
            plain["predicted_bytes"],
        )


def _packed(array: Any) -> list[object] | None:
    if array is None:
        return None
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return [array.dtype.name, list(array.shape), base64.b64encode(little.tobytes()).decode("ascii")]


def _unpacked(packed: Any) -> Any:
    if packed is None:
        return None
    name, shape, text = packed
    dtype = np.dtype(name)
    return np.frombuffer(base64.b64decode(text), dtype.newbyteorder("<")).astype(dtype).reshape(shape)
