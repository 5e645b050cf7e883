"""The plan of the step "reduce-embedding": the smaller tables, and what reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.embedding.reduce import Indices
from edgekit.compress.matrices import from_plain, to_plain
from edgekit.compress.step import Change
from edgekit.core.units import format_bytes

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """The layer that takes short rows from now on: weights in its operator's layout, and its bias."""

    op: str
    weights: Floats
    bias: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SmallTable:
    """What one lookup becomes.

    Attributes:
        op, kind: the lookup.
        vocabulary, width: of the table as it was.
        codes: (rows, rank).
        index: (vocabulary,), the row of each id; None where each has its own.
        projection: (rank, width); None where the reader has taken it in.
        reader: the layer that has, or None.
        lost: the share of the rows' variance, as their readers see it, that is lost.
        before, after: weights of it all.
    """

    op: str
    kind: str
    vocabulary: int
    width: int
    codes: Floats
    index: Indices | None
    projection: Floats | None
    reader: Reader | None
    lost: float
    before: int
    after: int

    @property
    def change(self) -> Change:
        """In words."""
        rows, rank = self.codes.shape
        what = f"{self.vocabulary:,} rows of {self.width} become {rows:,} of {rank}"
        weights = f"{self.before:,} -> {self.after:,} weights"
        how = []
        if self.index is not None:
            how.append(f"one more GATHER finds an id's row ({4 * self.vocabulary:,} bytes)")
        if self.reader is not None:
            how.append(f"{self.reader.op} takes the short rows and is fitted anew")
        elif self.projection is not None:
            how.append("a FULLY_CONNECTED makes them long again")
        lost = f"{100 * self.lost:.1f} % of what is read, as its readers weigh it, is lost"
        return Change(self.op, self.kind, f"{what}; {weights}", "; ".join([lost, *how]))


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingPlan:
    """The whole decision.

    Attributes:
        tables: the lookups that change.
        left: the others, with the reasons.
        bytes_before, predicted_bytes: of all weights of the model.
        measured_db: signal over error of the model's outputs, on `measured_on` samples.
        samples: how many samples tell how often a row is read.
    """

    tables: tuple[SmallTable, ...]
    left: tuple[Change, ...]
    bytes_before: int
    predicted_bytes: int
    measured_db: float
    measured_on: int
    samples: int

    @property
    def changes(self) -> tuple[Change, ...]:
        """One for each lookup; one for the model where it has none."""
        return (*(t.change for t in self.tables), *self.left)

    def explain(self) -> tuple[str, ...]:
        """What is done and why, a sentence a line."""
        if not self.tables:
            return (f"reduce-embedding: the model is left as it is: {'; '.join(c.why for c in self.left)}",)
        sizes = f"{format_bytes(self.bytes_before)} to {format_bytes(self.predicted_bytes)}"
        title = f"reduce-embedding: weights from {sizes}, rows weighted by how often {self.samples} samples read them"
        told = f"outputs keep {self.measured_db:.1f} dB as measured on {self.measured_on} samples"
        return (title, told, *(f"{c.kind} {c.op}: {c.what}; {c.why}" for c in self.changes))

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "tables": [_table_to_plain(t) for t in self.tables],
            "left": [[c.op, c.kind, c.what, c.why] for c in self.left],
            "bytes_before": self.bytes_before,
            "predicted_bytes": self.predicted_bytes,
            "measured_db": self.measured_db,
            "measured_on": self.measured_on,
            "samples": self.samples,
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> EmbeddingPlan:
        """What `to_json` wrote."""
        return EmbeddingPlan(
            tables=tuple(_table_from_plain(t) for t in plain["tables"]),
            left=tuple(Change(*row) for row in plain["left"]),
            bytes_before=plain["bytes_before"],
            predicted_bytes=plain["predicted_bytes"],
            measured_db=plain["measured_db"],
            measured_on=plain["measured_on"],
            samples=plain["samples"],
        )


def _table_to_plain(table: SmallTable) -> dict[str, object]:
    reader = table.reader
    return {
        "op": table.op,
        "kind": table.kind,
        "vocabulary": table.vocabulary,
        "width": table.width,
        "codes": to_plain(table.codes),
        "index": None if table.index is None else to_plain(table.index),
        "projection": None if table.projection is None else to_plain(table.projection),
        "reader": None if reader is None else [reader.op, to_plain(reader.weights), to_plain(reader.bias)],
        "lost": table.lost,
        "before": table.before,
        "after": table.after,
    }


def _table_from_plain(plain: Mapping[str, Any]) -> SmallTable:
    reader = plain["reader"]
    return SmallTable(
        op=plain["op"],
        kind=plain["kind"],
        vocabulary=plain["vocabulary"],
        width=plain["width"],
        codes=from_plain(plain["codes"]),
        index=from_plain(plain["index"]) if plain["index"] else None,
        projection=from_plain(plain["projection"]) if plain["projection"] else None,
        reader=Reader(reader[0], from_plain(reader[1]), from_plain(reader[2])) if reader else None,
        lost=plain["lost"],
        before=plain["before"],
        after=plain["after"],
    )
