"""The plan of the step "sparsify": the weights that stay, how they are written, and who gains by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.matrices import from_plain, to_plain
from edgekit.compress.sparsity.options import Encoding, Goal
from edgekit.compress.step import Change
from edgekit.core.units import format_bytes

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SparseLayer:
    """One layer: weights in its operator's layout, most of them zero, its bias, and how many successive zeros there
    are at least."""

    op: str
    kind: str
    weights: Floats
    bias: Floats
    block: int

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"op": self.op, "kind": self.kind, "weights": to_plain(self.weights), "bias": to_plain(self.bias),
                "block": self.block}  # fmt: skip

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> SparseLayer:
        """What `to_json` wrote."""
        weights, bias = from_plain(plain["weights"]), from_plain(plain["bias"])
        return SparseLayer(plain["op"], plain["kind"], weights, bias, plain["block"])

    @property
    def share(self) -> float:
        """Of its weights that are zero."""
        return 1 - np.count_nonzero(self.weights) / self.weights.size


@dataclass(frozen=True, slots=True)
class Packed:
    """Bytes of the file, and of the file deflated as an .apk or .zip holds it."""

    file: int
    deflated: int

    def __str__(self) -> str:
        return f"{format_bytes(self.file)}, {format_bytes(self.deflated)} deflated"


@dataclass(frozen=True, slots=True, eq=False)
class SparsifyPlan:
    """The whole decision.

    Attributes:
        goal: who is to gain.
        layers: those that become sparse; none where it does not pay.
        left: the others, with the reasons.
        encoding: how zeros are written.
        mirrored: whether the model computes on mirrored images, so that sparse kernels take it.
        bytes_before, predicted_bytes: of all weights.
        predicted_db, measured_db: signal over error of the model's outputs, from trials of single layers and as run.
        before, after: the file's size.
        notes: what was measured on the way, in sentences.
    """

    goal: Goal
    layers: tuple[SparseLayer, ...]
    left: tuple[Change, ...]
    encoding: Encoding
    mirrored: bool
    bytes_before: int
    predicted_bytes: int
    predicted_db: float
    measured_db: float
    before: Packed
    after: Packed
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        """One for each layer with weights."""
        made = (Change(s.op, s.kind, f"{100 * s.share:.0f} % of {s.weights.size:,} weights become zero",
                       f"in runs of {s.block}" if s.block > 1 else "") for s in self.layers)  # fmt: skip
        return (*made, *self.left)

    def explain(self) -> tuple[str, ...]:
        """What is done and why, a sentence a line."""
        if not self.layers:
            reasons = "; ".join(dict.fromkeys(c.why for c in self.left))
            return (f"sparsify for {self.goal.value}: the model is left as it is: {reasons}", *self.notes)
        zeros = sum(s.weights.size - np.count_nonzero(s.weights) for s in self.layers)
        share = 100 * zeros / sum(s.weights.size for s in self.layers)
        title = f"sparsify for {self.goal.value}: {share:.0f} % of the weights of {len(self.layers)} layers become zero"
        told = (f"outputs should keep about {self.predicted_db:.1f} dB by trials of single layers, "
                f"{self.measured_db:.1f} dB as measured")  # fmt: skip
        size = f"the file has {self.before} before and {self.after} after, written as {self.encoding.value}"
        rows = (f"{c.kind} {c.op}: {c.what}{'; ' if c.why else ''}{c.why}" for c in self.changes)
        return (title, told, size, *self.notes, *rows)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "goal": self.goal.value,
            "layers": [s.to_json() for s in self.layers],
            "left": [[c.op, c.kind, c.what, c.why] for c in self.left],
            "encoding": self.encoding.value,
            "mirrored": self.mirrored,
            "bytes_before": self.bytes_before,
            "predicted_bytes": self.predicted_bytes,
            "predicted_db": self.predicted_db,
            "measured_db": self.measured_db,
            "before": [self.before.file, self.before.deflated],
            "after": [self.after.file, self.after.deflated],
            "notes": list(self.notes),
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> SparsifyPlan:
        """What `to_json` wrote."""
        return SparsifyPlan(
            goal=Goal(plain["goal"]),
            layers=tuple(SparseLayer.from_json(row) for row in plain["layers"]),
            left=tuple(Change(*row) for row in plain["left"]),
            encoding=Encoding(plain["encoding"]),
            mirrored=plain["mirrored"],
            bytes_before=plain["bytes_before"],
            predicted_bytes=plain["predicted_bytes"],
            predicted_db=plain["predicted_db"],
            measured_db=plain["measured_db"],
            before=Packed(*plain["before"]),
            after=Packed(*plain["after"]),
            notes=tuple(plain["notes"]),
        )
