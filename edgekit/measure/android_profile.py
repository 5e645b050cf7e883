"""The operator profile of benchmark_model: the CSV of --op_profiling_output_mode=csv, or the table on its stdout.

Both have the same order: a part for the initialisation, one for the runs; in each, for each graph and for what
happens inside a delegate: `Run Order`, `Top by Computation Time`, `Number of nodes executed`, `Summary by node type`,
and a footer. Shapes: tensorflow/core/util/stats_calculator.cc and tflite/profiling/profile_summary_formatter.cc. Newer
tools leave out the column `start`. Kinds and names may hold commas, so a row is read from its numbers outwards.
"""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass, field

from edgekit.core.errors import DeviceError
from edgekit.measure.android_log import printable

_NUMBER = r"(?:-?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|-?nan|-?inf)"
_INITIAL = "Profiling Info for Benchmark Initialization:"
_REGULAR = "Operator-wise Profiling Info for Regular Benchmark Runs:"
_INSIDE = "Delegate internal:"
_SUBGRAPH = re.compile(r"Subgraph \(index: (\d+), name: .*\) profile:$")
_TITLE = re.compile(r"={20,} (.+?) ={20,}$")
_OBSERVED = re.compile(r"(\d{1,9}) nodes observed$")
_NODE = re.compile(r"(.*):(\d{1,9})$")
_CSV = {
    "node type, start, first, avg_ms, %, cdf%, mem KB, times called, name": 1,
    "node type, first, avg_ms, %, cdf%, mem KB, times called, name": 0,
}
_TABLE = re.compile(
    r"\[node type\]\s+(\[start\]\s+)?\[first\]\s+\[avg ms\]\s+\[%\]\s+\[cdf%\]\s+\[mem KB\]\s+\[times called\]"
)
_PREFIX = re.compile(r"^(?:INFO|VERBOSE|WARNING|ERROR): (?:\[[^\]\n]{1,200}:\d+\] ?)?")
_LONGEST = 10_000


class Place(enum.Enum):
    """Which part of the profile a row is in."""

    INITIAL = "initialisation"
    MAIN = "main graph"
    SUBGRAPH = "subgraph"
    INSIDE = "inside a delegate"


@dataclass(frozen=True, slots=True)
class Row:
    """A node of the graph, or a kernel inside a delegate.

    Attributes:
        kind: the operator's kind, or the delegate's or kernel's name.
        time_us: average in one inference.
        name: what the tool calls it: `[outputs]` of a node, `Delegate/KERNEL` inside a delegate.
        index: the node's number in its graph; a delegate's own nodes have numbers after those of the model.
    """

    place: Place
    kind: str
    time_us: float
    name: str
    index: int | None


@dataclass(slots=True)
class _Scan:
    """Where in the profile the reader is."""

    device: str
    initial: bool = False
    place: Place = Place.MAIN
    row: re.Pattern[str] | None = None
    awaiting: bool = False
    since: int = 0
    open: str = ""
    rows: list[Row] = field(default_factory=list)

    def line(self, line: str) -> None:
        """One line of the profile."""
        if self.row is not None:
            self.in_rows(line)
        elif line in (_INITIAL, _REGULAR):
            self.initial, self.place = line == _INITIAL, Place.MAIN
        elif line == _INSIDE:
            self.place = Place.INSIDE
        elif _SUBGRAPH.match(line):
            self.place = Place.SUBGRAPH
        elif line.startswith("Primary graph (name:"):
            self.place = Place.MAIN
        elif match := _TITLE.search(line):
            self.title(match[1])
        elif self.awaiting:
            self.header(line)
        elif match := _OBSERVED.search(line):
            self.footer(int(match[1]))

    def title(self, title: str) -> None:
        """A section begins; only `Run Order` has each row once and in order."""
        self.awaiting = title == "Run Order"
        if self.awaiting:
            self.require_closed()
            self.open, self.since = f"the {self.where().value} part", len(self.rows)

    def header(self, line: str) -> None:
        """The columns of the rows that follow. Raises DeviceError for columns that no tool writes."""
        table = _TABLE.search(line)
        if line not in _CSV and table is None:
            raise _broken(self.device, f"has columns that are not known: {line[:100]!r}")
        start = _CSV[line] if table is None else int(table[1] is not None)
        self.row, self.awaiting = (_table_row if table else _csv_row)(start), False

    def in_rows(self, line: str) -> None:
        """A row, or the empty line after the last one."""
        if not line:
            self.row = None
            return
        match = self.row.fullmatch(line) if self.row else None
        if match is None:
            raise _broken(self.device, f"is damaged at the row {line[:100]!r}")
        self.rows.append(_row(match, self.where(), self.device))

    def footer(self, observed: int) -> None:
        """`N nodes observed` closes a graph's sections, and says how many rows there must be."""
        if self.open and observed != len(self.rows) - self.since:
            raise _broken(self.device, f"lists {len(self.rows) - self.since} of {observed} nodes in {self.open}")
        self.open = ""

    def require_closed(self) -> None:
        if self.open or self.row is not None:
            raise _broken(self.device, f"is cut off in {self.open}")

    def where(self) -> Place:
        return Place.INITIAL if self.initial else self.place


def parse_profile(text: str, device: str) -> tuple[Row, ...]:
    """The rows of a profile in the order of running. Raises DeviceError that says what is damaged or missing.

    A delegate's kernel that runs more than once in an inference counts with all its runs.
    """
    scan = _Scan(device)
    for line in text.splitlines():
        if len(line) > _LONGEST:
            raise _broken(device, f"has a line of {len(line)} characters")
        scan.line(_PREFIX.sub("", printable(line)).strip())
    scan.require_closed()
    if not any(row.place is Place.MAIN for row in scan.rows):
        raise _broken(device, "has no rows for the runs")
    return tuple(scan.rows)


def _csv_row(start: int) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<kind>.+?), (?:{_NUMBER}, ){{{start}}}{_NUMBER}, (?P<avg>{_NUMBER}), {_NUMBER}%, {_NUMBER}%, "
        rf"{_NUMBER}, (?P<calls>\d{{1,9}}), (?P<name>.*)"
    )


def _table_row(start: int) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<kind>\S.*?)\s+(?:{_NUMBER}\s+){{{start}}}{_NUMBER}\s+(?P<avg>{_NUMBER})\s+{_NUMBER}%\s+{_NUMBER}%\s+"
        rf"{_NUMBER}\s+(?P<calls>\d{{1,9}})\s+(?P<name>.*)"
    )


def _row(match: re.Match[str], place: Place, device: str) -> Row:
    time_us = float(match["avg"]) * 1000 * max(int(match["calls"]), 1)
    if not (math.isfinite(time_us) and time_us >= 0):
        raise _broken(device, f"is damaged at the row {match[0][:100]!r}")
    node = _NODE.fullmatch(match["name"])
    name, index = (node[1], int(node[2])) if node else (match["name"], None)
    return Row(place, match["kind"], round(time_us, 3), name, index)


def _broken(device: str, what: str) -> DeviceError:
    return DeviceError(f"{device}: the operator profile of benchmark_model {what}", "measure again")
