"""The plan of the step "low-rank": the factors of each layer, and why others stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.matrices import from_plain, to_plain
from edgekit.compress.step import Change
from edgekit.core.units import format_bytes

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """What one layer becomes: y = (x first) second + bias.

    Attributes:
        op: the layer's name.
        first, second: (taps, rank) and (rank, outputs).
        bias: (outputs,).
        lost: the share of its output variance that the rank leaves out.
    """

    op: str
    kind: str
    first: Floats
    second: Floats
    bias: Floats
    lost: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"op": self.op, "kind": self.kind, "lost": self.lost, "first": to_plain(self.first),
                "second": to_plain(self.second), "bias": to_plain(self.bias)}  # fmt: skip

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> Factors:
        """What `to_json` wrote."""
        first, second, bias = (from_plain(plain[name]) for name in ("first", "second", "bias"))
        return Factors(plain["op"], plain["kind"], first, second, bias, plain["lost"])

    @property
    def before(self) -> int:
        """Weights of the layer as it was."""
        return int(self.first.shape[0] * self.second.shape[1])

    @property
    def after(self) -> int:
        """Weights of the two layers."""
        return self.first.size + self.second.size


@dataclass(frozen=True, slots=True, eq=False)
class LowRankPlan:
    """The whole decision.

    Attributes:
        factors: the layers that become two.
        left: the others that multiply, with the reasons.
        bytes_before, predicted_bytes: of all weights of the model.
        predicted_db, measured_db: signal over error of the model's outputs, from trials of single layers and as run.
        samples: how many samples that rests on.
    """

    factors: tuple[Factors, ...]
    left: tuple[Change, ...]
    bytes_before: int
    predicted_bytes: int
    predicted_db: float
    measured_db: float
    samples: int

    @property
    def changes(self) -> tuple[Change, ...]:
        """One for each layer."""
        made = tuple(Change(f.op, f.kind, f"rank {f.first.shape[1]}, {f.before:,} -> {f.after:,} weights",
                            f"loses {100 * f.lost:.1f} % of its outputs' variance") for f in self.factors)  # fmt: skip
        return made + self.left

    def explain(self) -> tuple[str, ...]:
        """What is done and why, a sentence a line."""
        if not self.factors:
            reasons = sorted({c.why for c in self.left}) or ["the model has no such layer"]
            return (f"low-rank: the model is left as it is: {'; '.join(reasons)}",)
        sizes = f"{format_bytes(self.bytes_before)} to {format_bytes(self.predicted_bytes)}"
        title = (
            f"low-rank: {len(self.factors)} of {len(self.changes)} layers become two smaller ones; weights from {sizes}"
        )
        told = (f"outputs should keep about {self.predicted_db:.1f} dB by trials of single layers, "
                f"{self.measured_db:.1f} dB as measured on {self.samples} samples")  # fmt: skip
        rows = [f"{c.kind} {c.op}: {c.what}; {c.why}" for c in self.changes]
        return (title, told, *rows)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "factors": [f.to_json() for f in self.factors],
            "left": [[c.op, c.kind, c.what, c.why] for c in self.left],
            "bytes_before": self.bytes_before,
            "predicted_bytes": self.predicted_bytes,
            "predicted_db": self.predicted_db,
            "measured_db": self.measured_db,
            "samples": self.samples,
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> LowRankPlan:
        """What `to_json` wrote."""
        factors = tuple(Factors.from_json(row) for row in plain["factors"])
        left = tuple(Change(*row) for row in plain["left"])
        return LowRankPlan(factors, left, plain["bytes_before"], plain["predicted_bytes"], plain["predicted_db"],
                           plain["measured_db"], plain["samples"])  # fmt: skip
