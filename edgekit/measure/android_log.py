"""What benchmark_model prints, as values. Pure: text in, values out.

Line shapes: tflite/tools/benchmark/benchmark_model.cc and benchmark_tflite_model.cc of google-ai-edge/LiteRT (and their
older selves in tensorflow/tensorflow), tensorflow/core/util/stats_calculator.h, litert/tools/benchmark_litert_model.h.
Lines that are none of these are other people's (drivers, delegates) and are passed over; one of these that is damaged
is a DeviceError that quotes it.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgekit.core.errors import DeviceError

_PREFIX = re.compile(r"^(?P<level>INFO|VERBOSE|WARNING|WARN|ERROR|FATAL): (?:\[[^\]\n]{1,200}:\d+\] ?)?")
_NUMBER = r"(-?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)"
_PAIR = re.compile(r"(count|first|curr|min|max|avg|std|p5|median|p95)=(\S+?)(?:\(all same\))?(?=\s|$)")
_TIMINGS = re.compile(
    rf"Inference timings in us: Init: {_NUMBER}, First inference: {_NUMBER}, "
    rf"Warmup \(avg\): (?:{_NUMBER}|-?nan), Inference \(avg\): {_NUMBER}"
)
_FOOTPRINT = re.compile(
    rf"(?:Memory footprint delta from the start of the tool|Peak memory footprint) \(MB\): "
    rf"init={_NUMBER} overall={_NUMBER}"
)
_PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: {_NUMBER}")
_SIZE = re.compile(rf"The input model file size \(MB\): {_NUMBER}")
_REPLACING = re.compile(r"Replacing (\d+) (?:out of (\d+) )?node\(s\) with delegate \(([^)]*)\) node, yielding (\d+)")
_APPLIED = re.compile(
    r"Explicitly applied (\S+) delegate, and the model graph will be "
    r"(completely|partially) executed (?:by|w/) the delegate(?: w/ (\d+) delegate kernels)?"
)
_NOT_APPLIED = re.compile(
    r"Though (\S+) delegate is explicitly applied, the model graph will not be executed by the delegate"
)
_SPLIT = re.compile(r"(\d+) operations will run on the GPU, and the remaining (\d+) operations will run on the CPU")
_REJECTED = re.compile(r"([A-Z][A-Z0-9_]*): (.*)")
_RESULT = re.compile(
    rf"(Model initialization|First inference|Warmup \(first\)|Warmup \(avg\)|Inference \((?:avg|min|max|std)\)|"
    rf"Throughput|Init footprint|Overall footprint|Peak memory):\s+{_NUMBER}(?: (?:ms|MB/s|MB))?(?: \((\d+) runs\))?$"
)
_STARTS = (
    "Inference timings in us:",
    "Memory footprint delta",
    "Peak memory footprint",
    "Overall peak memory footprint",
    "The input model file size (MB):",
)
_LAB = "LAB: "
_LONGEST = 10_000
"""Characters of a line that are looked at; the tool's own lines are far shorter, and patterns shall not run away."""
_MOST = 1e15  # in any unit of the log: beyond it a number is damage, and sums would lose their last digits


class Extent(enum.Enum):
    """How much of the graph a delegate runs, as the tool says it."""

    COMPLETE = "completely"
    PARTIAL = "partially"
    NONE = "not"


@dataclass(frozen=True, slots=True)
class Runs:
    """A phase of runs, in microseconds. The percentiles are None where the tool is too old to print them."""

    count: int
    first_us: float
    min_us: float
    max_us: float
    average_us: float
    p5_us: float | None
    median_us: float | None
    p95_us: float | None


@dataclass(frozen=True, slots=True)
class Replaced:
    """A delegate took `taken` of `total` nodes (None: the tool does not say of how many), as `partitions` kernels."""

    delegate: str
    taken: int
    total: int | None
    partitions: int


@dataclass(frozen=True, slots=True)
class Applied:
    """What the tool says of a delegate that a flag asked for."""

    delegate: str
    extent: Extent
    kernels: int | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """An operator kind that the GPU delegate does not take, and why."""

    kind: str
    reason: str


@dataclass(frozen=True, slots=True)
class ToolLog:
    """All that a log says; None and empty where it does not.

    Attributes:
        warmup, regular: the two phases.
        init_us, first_us: initialisation and first inference.
        footprint_bytes: growth of the tool's memory from its start to the end of the runs.
        peak_bytes: highest memory that the tool's own monitor saw.
        results_ms: rows of the LiteRT v2 tool's block BENCHMARK RESULTS, by name; memory rows in MB.
        replaced, applied, rejected: which delegate took what.
        gpu_rest: operators that the GPU delegate leaves to the CPU.
        errors: the texts of lines that are errors.
        lab: what the lab's program says of itself; empty for the official tool.
    """

    warmup: Runs | None = None
    regular: Runs | None = None
    init_us: float | None = None
    first_us: float | None = None
    footprint_bytes: int | None = None
    peak_bytes: int | None = None
    model_mb: float | None = None
    results: tuple[tuple[str, float], ...] = ()
    replaced: tuple[Replaced, ...] = ()
    applied: tuple[Applied, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    gpu_rest: int | None = None
    errors: tuple[str, ...] = ()
    lab: str = ""

    def timed(self, device: str) -> Runs:
        """The regular runs. Raises DeviceError where the log has none."""
        if self.regular is None or self.regular.count == 0:
            phase = "of the timed runs" if self.warmup is not None else "of the warm-up and of the timed runs"
            said = f"; it says: {self.errors[-1]}" if self.errors else ""
            raise DeviceError(f"{device}: the log of benchmark_model has no line `count=…` {phase}{said}")
        return self.regular


@dataclass(slots=True)
class _Reader:
    """What was read so far."""

    device: str
    phases: int = 0
    listing: bool = False
    warmup: Runs | None = None
    regular: Runs | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    results: dict[str, float] = field(default_factory=dict)
    replaced: list[Replaced] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lab: str = ""

    def read(self, level: str, line: str) -> None:
        """One line without its prefix."""
        self.list_rejected(line)
        if level in ("ERROR", "FATAL") and line:
            self.errors.append(line[:300])
        if line.startswith("Running benchmark for at least"):
            self.phases += 1
        elif line.startswith(("count=", "curr=")):
            self.phase(line)
        elif line.startswith(_LAB):
            self.lab = line.removeprefix(_LAB)[:200]
        elif line.startswith(_STARTS):
            self.summary(line)
        elif match := _RESULT.fullmatch(line):
            self.results[match[1]] = self.number(match[2], line)
        else:
            self.delegate(line)

    def phase(self, line: str) -> None:
        """The first phase is the warm-up. A log whose beginning is lost has one phase only, and no word for which."""
        runs = _runs(line, self.device)
        if self.phases == 1:
            self.warmup = runs
        elif self.phases == 2:
            self.regular = runs

    def summary(self, line: str) -> None:
        """A line of the summary. Raises DeviceError where it is damaged."""
        if match := _TIMINGS.match(line):
            self.numbers |= {"init": self.number(match[1], line), "first": self.number(match[2], line)}
        elif match := _FOOTPRINT.match(line):
            self.number(match[1], line)
            self.numbers["footprint"] = self.number(match[2], line)
        elif match := _PEAK.match(line):
            self.numbers["peak"] = self.number(match[1], line)
        elif match := _SIZE.match(line):
            self.numbers["model"] = self.number(match[1], line)
        else:
            raise _damaged(self.device, line)

    def delegate(self, line: str) -> None:
        """A line about delegates, if it is one."""
        if match := _REPLACING.search(line):
            total = None if match[2] is None else self.count(match[2], line)
            self.replaced.append(Replaced(match[3], self.count(match[1], line), total, self.count(match[4], line)))
        elif match := _APPLIED.search(line):
            kernels = None if match[3] is None else self.count(match[3], line)
            self.applied.append(Applied(match[1], Extent(match[2]), kernels))
        elif match := _NOT_APPLIED.search(line):
            self.applied.append(Applied(match[1], Extent.NONE, 0))
        elif match := _SPLIT.search(line):
            self.numbers["gpu_rest"] = self.count(match[2], line)

    def list_rejected(self, line: str) -> None:
        """The lines after the GPU delegate's announcement, until one that is no `KIND: reason`."""
        if self.listing and (match := _REJECTED.fullmatch(line)):
            self.rejected.append(Rejected(match[1], match[2].strip()))
        else:
            self.listing = line.startswith("Following operations are not supported by GPU delegate")

    def number(self, text: str, line: str) -> float:
        """A finite number. Raises DeviceError."""
        return _number(text, line, self.device)

    def count(self, text: str, line: str) -> int:
        """A count. Raises DeviceError."""
        return int(_number(text, line, self.device))


def parse_log(text: str, device: str) -> ToolLog:
    """What the log says; lines of stdout and stderr may be mixed. Raises DeviceError for a line that is damaged."""
    reader = _Reader(device)
    for level, line in _lines(text):
        reader.read(level, line)
    numbers = reader.numbers
    return ToolLog(
        warmup=reader.warmup,
        regular=reader.regular,
        init_us=numbers.get("init"),
        first_us=numbers.get("first"),
        footprint_bytes=_bytes(numbers.get("footprint")),
        peak_bytes=_bytes(numbers.get("peak")),
        model_mb=numbers.get("model"),
        results=tuple(reader.results.items()),
        replaced=tuple(reader.replaced),
        applied=tuple(reader.applied),
        rejected=tuple(reader.rejected),
        gpu_rest=int(numbers["gpu_rest"]) if "gpu_rest" in numbers else None,
        errors=tuple(reader.errors),
        lab=reader.lab,
    )


def flags_of(help_text: str) -> frozenset[str]:
    """The flags that a tool knows, from what it prints for `--help=true` (tflite/tools/command_line_flags.cc)."""
    return frozenset(re.findall(r"^\s+--([a-z][a-z0-9_]*)=", help_text, re.MULTILINE))


def printable(text: str) -> str:
    """A phone's words without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line's level (empty where it has none) and what follows the prefix."""
    for line in (printable(line[:_LONGEST]) for line in text.splitlines()):
        match = _PREFIX.match(line)
        yield (match["level"], line[match.end() :].strip()) if match else ("", line.strip())


def _runs(line: str, device: str) -> Runs | None:
    """`count=50 first=… curr=… min=… max=… avg=… std=… p5=… median=… p95=…`, its older shapes, and `(all same)`."""
    pairs = {key: _number(value, line, device) for key, value in _PAIR.findall(line)}
    if "count" not in pairs or pairs["count"] != int(pairs["count"]) or pairs["count"] < 0:
        raise _damaged(device, line)
    if pairs["count"] == 0:
        return None
    if "curr" not in pairs or ("min" in pairs) != ("max" in pairs) or ("min" in pairs) != ("avg" in pairs):
        raise _damaged(device, line)
    same = pairs["curr"]
    low, high = pairs.get("min", same), pairs.get("max", same)
    average = pairs.get("avg", same)
    quantiles = [pairs.get(key, same if low == high else None) for key in ("p5", "median", "p95")]
    seen = [low, *(q for q in quantiles if q is not None), high]
    slack = 1e-5 * high + 1  # the average is printed with six digits, the rest in whole microseconds
    if low < 0 or seen != sorted(seen) or not low - slack <= average <= high + slack:
        raise _damaged(device, line)
    return Runs(int(pairs["count"]), pairs.get("first", same), low, high, average, *quantiles)


def _number(text: str, line: str, device: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= _MOST:
        raise _damaged(device, line)
    return value


def _bytes(megabytes: float | None) -> int | None:
    return None if megabytes is None else max(round(megabytes * 1024 * 1024), 0)


def _damaged(device: str, line: str) -> DeviceError:
    return DeviceError(f"{device}: the log of benchmark_model is damaged at the line {line[:120]!r}", "measure again")
