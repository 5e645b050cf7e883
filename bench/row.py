"""A row of the compression benchmark, and the file that keeps rows: what is done is not done again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from edgekit.core.files import write_atomic
from edgekit.core.records import from_record, to_record
from edgekit.verify.intervals import Estimate


@dataclass(frozen=True, slots=True)
class Row:
    """One model through one recipe of one tool.

    Attributes:
        key: hash of all that the row depends on.
        result, difference: the metric with its interval, and how far it is above float's on the same samples.
        agreement: with the float model's answers, in percent.
        latency_ratio: to float in the same run, below 1 is faster.
        minutes: of making it, wall time of a machine in use.
        sources: hash of edgekit's code, where that made it.
        failure: why there are no numbers; empty where there are.
    """

    key: str
    model: str
    tool: str
    recipe: str
    metric: str = ""
    samples: int = 0
    result: Estimate | None = None
    difference: Estimate | None = None
    agreement: float | None = None
    size_bytes: int = 0
    float_bytes: int = 0
    compressed_bytes: int = 0
    macs: int = 0
    float_macs: int = 0
    latency_ratio: Estimate | None = None
    latency_us: float | None = None
    float_us: float | None = None
    minutes: float = 0.0
    sha256: str = ""
    sources: str = ""
    note: str = ""
    failure: str = ""


@dataclass(slots=True)
class RowFile:
    """The rows of a JSON file, by key."""

    path: Path
    rows: dict[str, Row] = field(default_factory=dict)

    @staticmethod
    def open(path: Path) -> RowFile:
        """What is there; an empty one where the file is not. Raises ModelError for a file of another kind."""
        records = json.loads(path.read_text())["rows"] if path.exists() else []
        found = [from_record(Row, record, str(path)) for record in records]
        return RowFile(path, {row.key: row for row in found})

    def put(self, row: Row) -> None:
        """Keep `row`; read anew before, since another part of the benchmark may have written."""
        self.rows = {**RowFile.open(self.path).rows, row.key: row}
        ordered = sorted(self.rows.values(), key=lambda r: (r.model, r.tool, r.recipe, r.key))
        record = {"schema": 1, "rows": [to_record(r) for r in ordered]}
        write_atomic(self.path, json.dumps(record, indent=1).encode())


HEADER = (
    "| model | tool | recipe | metric | samples | result [95 %] | − float [95 %] | agreement | bytes (of float) | "
    "deflated | MACs (of float) | latency / float [95 %] | min | note |\n"
    "|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
)


def markdown(row: Row) -> str:
    """A row of the table."""
    head = f"| {row.model} | {row.tool} | {row.recipe} "
    if row.failure:
        return f"{head}| {row.metric} | | | | | | | | | | none: {row.failure} |"
    cells = [row.metric, str(row.samples), _estimate(row.result, "{:.2f}"), _estimate(row.difference, "{:+.2f}")]
    cells += [f"{row.agreement:.1f}" if row.agreement is not None else "–", _of(row.size_bytes, row.float_bytes)]
    cells += [f"{row.compressed_bytes:,}", _of(row.macs, row.float_macs), _estimate(row.latency_ratio, "{:.2f}")]
    return f"{head}| " + " | ".join([*cells, f"{row.minutes:.1f}", row.note]) + " |"


def _estimate(found: Estimate | None, form: str) -> str:
    if found is None:
        return "–"
    known = found.low == found.low and found.high == found.high  # not NaN
    interval = f" [{form.format(found.low)}, {form.format(found.high)}]" if known else ""
    return form.format(found.value) + interval


def _of(value: int, whole: int) -> str:
    return f"{value:,} ({100 * value / whole:.0f} %)" if whole else f"{value:,}"
