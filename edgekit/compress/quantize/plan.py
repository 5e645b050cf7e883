"""The plan of the step "quantize": what becomes of each operator, and the ranges that its scales come from."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.compress.quantize.options import Algorithm, QuantizeOptions, Scheme
from edgekit.compress.ranges import Ranges
from edgekit.compress.step import Change
from edgekit.core.units import format_bytes


class Precision(enum.Enum):
    """What an operator becomes. `wX_aY`: X bits a weight, Y bits an activation."""

    FLOAT = "float"
    FLOAT16 = "float16 weights"
    DYNAMIC = "int8 weights, activations quantized while running"
    W8_A8 = "int8"
    W8_A16 = "int8 weights, int16 activations"
    W4_A8 = "int4 weights, int8 activations"

    @property
    def weight_bits(self) -> int:
        """Bits of a stored weight."""
        bits = {Precision.FLOAT: 32, Precision.FLOAT16: 16, Precision.W4_A8: 4}
        return bits.get(self, 8)

    @property
    def activation_bits(self) -> int:
        """Bits of an activation; 32 where it stays float."""
        bits = {Precision.W8_A8: 8, Precision.W4_A8: 8, Precision.W8_A16: 16}
        return bits.get(self, 32)


class By(enum.Enum):
    """Who changes the operator."""

    LIBRARY = "library"
    EDGEKIT = "edgekit"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one operator becomes, by which algorithm and by whom; `why` is empty where nothing needs an explanation."""

    op: str
    kind: str
    precision: Precision
    algorithm: Algorithm = Algorithm.MIN_MAX
    by: By = By.LIBRARY
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class QuantizePlan:
    """The whole decision; `apply` adds nothing to it."""

    options: QuantizeOptions
    assignments: tuple[Assignment, ...]
    ranges: Ranges | None
    bytes_before: int
    predicted_bytes: int

    @property
    def changes(self) -> tuple[Change, ...]:
        """One for each operator that has float tensors."""
        return tuple(Change(a.op, a.kind, a.precision.value, a.why) for a in self.assignments)

    @property
    def left(self) -> tuple[Assignment, ...]:
        """The operators that stay float, with the reasons."""
        return tuple(a for a in self.assignments if a.precision is Precision.FLOAT)

    def explain(self) -> tuple[str, ...]:
        """What is done and why, a sentence a line."""
        lines = [f"{self._title()}; weights from {format_bytes(self.bytes_before)} to about "
                 f"{format_bytes(self.predicted_bytes)}"]  # fmt: skip
        if self.ranges:
            clipped = sum(1 for r in self.ranges.by_tensor.values() if r.clipped > 0)
            lines.append(f"ranges of {len(self.ranges.by_tensor)} tensors from {self.ranges.samples} samples "
                         f"({self.ranges.method}); {clipped} of them cut values off")  # fmt: skip
        lines += [f"{a.kind} {a.op} stays float: {a.why}" for a in self.left]
        lines += [f"{a.kind} {a.op}: {a.why}" for a in self.assignments if a.why and a not in self.left]
        return tuple(lines)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        rows = [[a.op, a.kind, a.precision.name, a.algorithm.value, a.by.value, a.why] for a in self.assignments]
        return {
            "options": self.options.to_json(),
            "assignments": rows,
            "ranges": self.ranges.to_json() if self.ranges else None,
            "bytes_before": self.bytes_before,
            "predicted_bytes": self.predicted_bytes,
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> QuantizePlan:
        """What `to_json` wrote."""
        assignments = tuple(
            Assignment(op, kind, Precision[precision], Algorithm(algorithm), By(by), why)
            for op, kind, precision, algorithm, by, why in plain["assignments"]
        )
        ranges = Ranges.from_json(plain["ranges"]) if plain["ranges"] else None
        options = QuantizeOptions.from_mapping(plain["options"])
        return QuantizePlan(options, assignments, ranges, plain["bytes_before"], plain["predicted_bytes"])

    def _title(self) -> str:
        count = len(self.assignments) - len(self.left)
        return f"{self.options.scheme.value}: {count} of {len(self.assignments)} float operators change"


STATIC = {Scheme.INT8: Precision.W8_A8, Scheme.INT16X8: Precision.W8_A16, Scheme.INT4: Precision.W8_A8}
"""What an operator becomes under a static scheme, where it is not one of those with int4 weights."""
