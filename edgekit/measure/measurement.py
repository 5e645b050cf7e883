"""A measurement: what a device did with a bundle, and under which conditions."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.core.errors import DeviceError, ModelError
from edgekit.core.records import from_record, to_record
from edgekit.measure.statistics import (
    Histogram,
    histogram,
    median_interval,
    outlier_count,
    percentile,
    relative_spread,
    steadiness,
)

SCHEMA = 1
_AGAIN = "measure again with `edgekit check`"


@dataclass(frozen=True, slots=True)
class Latency:
    """The time of one inference, summarised. The interval is that of the median; None where runs were too few."""

    p50_us: float
    p90_us: float
    p99_us: float
    min_us: float
    max_us: float
    count: int
    warmup_count: int
    median_low_us: float | None
    median_high_us: float | None
    median_coverage: float | None
    relative_spread: float
    outlier_count: int
    steady: bool
    steady_note: str
    histogram: Histogram


class Nearness(enum.Enum):
    """How near outputs must be to the golden ones."""

    EXACT = "bit-exact"
    LSB = "LSB"
    ABSOLUTE = "absolute"


@dataclass(frozen=True, slots=True)
class Parity:
    """How far a device's outputs are from the golden ones.

    `max_difference` is in steps of the output's quantization (LSB) for integer outputs and in the output's own unit
    for float ones; `bound` is the largest that passes. `first_difference` names the first output value that broke the
    bound: which sample, which output, where in it, what was expected and what came.
    """

    passed: bool
    nearness: Nearness
    max_difference: float
    bound: float
    sample_count: int
    first_difference: str
    note: str


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """The median time of one operator of the model in one inference; `ran_in` is the kernel or delegate that ran it."""

    name: str
    kind: str
    time_us: float
    ran_in: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Times by operator, or, where the runtime gives none, a note that says so."""

    operators: tuple[OperatorTime, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak memory in bytes and, in words, what that number holds."""

    peak_bytes: int
    includes: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what the numbers were taken. `taken_at` (UTC, ISO 8601) stays out of everything that is hashed."""

    cpu: str
    machine: str
    system: str
    cores: int
    governor: str
    load_before: float | None
    load_after: float | None
    threads: int
    kernels: str
    runtime: str
    runtime_version: str
    python: str
    taken_at: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """Numbers from one device for one bundle. Latencies in microseconds, memory in bytes."""

    device: str
    target: str
    model_sha256: str
    latency: Latency
    init_us: float
    first_inference_us: float
    memory: Memory | None
    profile: Profile
    parity: Parity
    conditions: Conditions
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The measurement as JSON-able values, with its schema number."""
        return {"schema": SCHEMA, **to_record(self)}

    @staticmethod
    def from_json(record: object) -> Measurement:
        """The inverse of `to_json`. Raises DeviceError where `record` is not a measurement of this schema."""
        if not isinstance(record, dict) or record.get("schema") != SCHEMA:
            raise DeviceError(f"this is not a measurement of schema {SCHEMA}", _AGAIN)
        try:
            return from_record(Measurement, {k: v for k, v in record.items() if k != "schema"}, "measurement")
        except ModelError as error:
            raise DeviceError(f"the measurement cannot be read: {error.message}", _AGAIN) from error

    def gate_values(self) -> dict[str, float | None]:
        """Key of a budget -> the number of this measurement for it."""
        ram = None if self.memory is None else self.memory.peak_bytes / 1024
        return {"latency_p90_ms": self.latency.p90_us / 1000, "ram_kib": ram}

    def gate_notes(self) -> dict[str, str]:
        """Key of a budget -> what its number is, for the report."""
        timed = f"{self.latency.count} runs on {self.device}"
        latency = timed if self.latency.steady else f"{timed}; {self.latency.steady_note}"
        return {"latency_p90_ms": latency} | ({"ram_kib": self.memory.includes} if self.memory else {})


def summarise(samples_us: Sequence[float], warmup_count: int) -> Latency:
    """The summary of latencies in microseconds, in the order in which they were taken. Raises ValueError on none."""
    interval = median_interval(samples_us)
    steady = steadiness(samples_us)
    return Latency(
        p50_us=percentile(samples_us, 50),
        p90_us=percentile(samples_us, 90),
        p99_us=percentile(samples_us, 99),
        min_us=min(samples_us),
        max_us=max(samples_us),
        count=len(samples_us),
        warmup_count=warmup_count,
        median_low_us=interval.low if interval else None,
        median_high_us=interval.high if interval else None,
        median_coverage=interval.coverage if interval else None,
        relative_spread=relative_spread(samples_us),
        outlier_count=outlier_count(samples_us),
        steady=steady.steady,
        steady_note=steady.note,
        histogram=histogram(samples_us),
    )
