"""The plan of the step "repair": integers, scales and bias of every layer that changes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.step import Change
from edgekit.core.units import format_bytes


@dataclass(frozen=True, slots=True, eq=False)
class LayerRepair:
    """What one layer becomes.

    Attributes:
        op, kind: its name and operator.
        integers: int8, in the operator's layout, whatever they are stored as.
        scales: float32, one or one for each output channel.
        bias: int64 in steps of input scale times weight scale, or float32; None where the layer has none.
        error_before, error_after: output error relative to the output's variance.
    """

    op: str
    kind: str
    integers: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[Any] | None
    error_before: float
    error_after: float

    def to_json(self) -> dict[str, object]:
        """Plain values; arrays as base64 of little-endian bytes."""
        bias = None if self.bias is None else {"type": self.bias.dtype.str, "values": _encode(self.bias)}
        return {
            "op": self.op,
            "kind": self.kind,
            "shape": list(self.integers.shape),
            "integers": _encode(self.integers),
            "scales": _encode(self.scales.astype("<f4")),
            "bias": bias,
            "error_before": self.error_before,
            "error_after": self.error_after,
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> LayerRepair:
        """What `to_json` wrote."""
        bias = plain["bias"]
        return LayerRepair(
            plain["op"],
            plain["kind"],
            np.frombuffer(base64.b64decode(plain["integers"]), np.int8).reshape(plain["shape"]),
            np.frombuffer(base64.b64decode(plain["scales"]), "<f4"),
            None if bias is None else np.frombuffer(base64.b64decode(bias["values"]), bias["type"]),
            float(plain["error_before"]),
            float(plain["error_after"]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class RepairPlan:
    """The layers that change, those that are left with the reasons, and what the constants take."""

    layers: tuple[LayerRepair, ...]
    left: tuple[Change, ...]
    samples: int
    predicted_bytes: int

    @property
    def changes(self) -> tuple[Change, ...]:
        """One for each operator with weights."""
        return tuple(Change(r.op, r.kind, _said(r)) for r in self.layers) + self.left

    def explain(self) -> tuple[str, ...]:
        """What is done and why, a sentence a line."""
        if not self.layers:
            first = "no layer is repaired"
        else:
            before, after = (_mean([getattr(r, f) for r in self.layers]) for f in ("error_before", "error_after"))
            first = (f"{len(self.layers)} layers repaired on {self.samples} samples: output error of a layer from "
                     f"{before:.2g} to {after:.2g} of its variance (geometric mean); weights stay at "
                     f"{format_bytes(self.predicted_bytes)}")  # fmt: skip
        return (first, *(f"{c.kind} {c.op} is left: {c.why}" for c in self.left))

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "layers": [r.to_json() for r in self.layers],
            "left": [[c.op, c.kind, c.what, c.why] for c in self.left],
            "samples": self.samples,
            "predicted_bytes": self.predicted_bytes,
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> RepairPlan:
        """What `to_json` wrote."""
        layers = tuple(LayerRepair.from_json(r) for r in plain["layers"])
        left = tuple(Change(*row) for row in plain["left"])
        return RepairPlan(layers, left, int(plain["samples"]), int(plain["predicted_bytes"]))


def _said(repair: LayerRepair) -> str:
    return f"repaired: output error from {repair.error_before:.2g} to {repair.error_after:.2g} of its variance"


def _mean(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(np.maximum(values, 1e-12)))))


def _encode(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
