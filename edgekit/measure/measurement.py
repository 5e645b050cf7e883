"""A measurement: what a device did with a bundle, and under which conditions."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgekit.codegen.footprint import Footprint
from edgekit.core.errors import DeviceError, ModelError
from edgekit.core.records import from_record, to_record
from edgekit.measure.statistics import (
    Histogram,
    histogram,
    median_interval,
    outlier_count,
    percentile,
    quantile_interval,
    relative_spread,
    steadiness,
)

SCHEMA = 2
INTERVAL_METHOD = "order statistics, widened by the correlation time of the runs"
_AGAIN = "measure again with `edgekit check`"


@dataclass(frozen=True, slots=True)
class Latency:
    """The time of one inference, summarised. Intervals are of the median and of p90; None where runs were too few.

    `launch_count` is how many processes were measured and `launch_p90_us` the 90th percentile of each; all other
    numbers are those of the launch in the middle. `settled` is whether the warm-up ended by itself, `interval_method`
    how the intervals were found.
    """

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
    p90_low_us: float | None
    p90_high_us: float | None
    interval_method: str
    launch_count: int
    settled: bool
    relative_spread: float
    outlier_count: int
    steady: bool
    steady_note: str
    histogram: Histogram
    launch_p90_us: tuple[float, ...] = ()


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
class Placement:
    """Where the model's operators ran: `delegate` took `operators_taken` of `operators_total`.

    `delegate` is "" where there was none; `operators_taken` None where the runtime does not tell; `fallback` names the
    operators (or their kinds) that ran on the CPU's builtin kernels. `note` says how this is known.
    """

    delegate: str
    operators_taken: int | None
    operators_total: int
    fallback: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Rail:
    """The mean power of one supply rail."""

    name: str
    mean_w: float


@dataclass(frozen=True, slots=True)
class Power:
    """Power while the model ran, and what one inference takes. `how` says which sensor and what it holds."""

    rails: tuple[Rail, ...]
    mean_w: float
    energy_mj: float
    how: str


@dataclass(frozen=True, slots=True)
class TaskAccuracy:
    """The task's metric, measured on the device with evaluation samples; `low` and `high` are its 95 % interval."""

    metric: str
    unit: str
    value: float
    low: float | None
    high: float | None
    sample_count: int


@dataclass(frozen=True, slots=True)
class Noise:
    """What other programs took from the timed runs; None for what the device does not tell.

    `waited_share` is the time that the process was ready but waited for a core, of the timed wall time; `stolen_share`
    the time that a hypervisor took from all cores; `words` sums it up and is "" where it was quiet.
    """

    involuntary_switches: int | None
    waited_share: float | None
    stolen_share: float | None
    burst_count: int
    words: str


@dataclass(frozen=True, slots=True)
class Health:
    """The device at one moment: the clock of each core or cluster, its hottest zone, and its load average.

    `throttled` says in words what slows it down or did so since it started; "" where nothing does or nothing is known.
    """

    clock_mhz: tuple[float, ...] = ()
    temperature_c: float | None = None
    throttled: str = ""
    load: float | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what the numbers were taken. `taken_at` (UTC, ISO 8601) stays out of everything that is hashed.

    `emulated` is "" on real hardware, else what the device is emulated with: its latencies say nothing of a device.
    `board` is the name that the device has for itself; `before` and `after` are taken around the timed runs.
    """

    cpu: str
    machine: str
    system: str
    cores: int
    governor: str
    threads: int
    kernels: str
    runtime: str
    runtime_version: str
    python: str
    taken_at: str
    board: str
    emulated: str
    before: Health
    after: Health


@dataclass(frozen=True, slots=True)
class LayerCount:
    """Instructions of one layer in one inference."""

    name: str
    kind: str
    instructions: int


@dataclass(frozen=True, slots=True)
class Firmware:
    """A network in a microcontroller's firmware; None for what was not counted there.

    Attributes:
        instructions, least_instructions: of an inference, the most and the least over the golden samples.
        setup_instructions: of `ek_model_init`.
        footprint: flash and RAM of the least program with the network in it.
        stack_bytes: the most that an inference needs of the stack, as a painted stack shows.
        ram_bytes: arena, other variables and that stack.
        counted: in words, what counted and what it leaves out.
        layers: in the order in which they run, counted in another run.
    """

    instructions: int | None
    least_instructions: int | None
    setup_instructions: int | None
    footprint: Footprint | None
    stack_bytes: int
    ram_bytes: int
    counted: str
    layers: tuple[LayerCount, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """Numbers from one device for one bundle. Latencies in microseconds, memory in bytes.

    `scope` says what one inference is: which of several signatures. `latency` and the times beside it are None on an
    emulated microcontroller, where instructions are counted instead: see `firmware`.
    """

    device: str
    target: str
    model_sha256: str
    latency: Latency | None
    init_us: float | None
    first_inference_us: float | None
    memory: Memory | None
    profile: Profile
    parity: Parity
    conditions: Conditions
    placement: Placement
    scope: str = ""
    noise: Noise | None = None
    power: Power | None = None
    task: TaskAccuracy | None = None
    warnings: tuple[str, ...] = ()
    firmware: Firmware | None = None

    def to_json(self) -> dict[str, Any]:
        """The measurement as JSON-able values, with its schema number."""
        return {"schema": SCHEMA, **to_record(self)}

    @staticmethod
    def from_json(record: object) -> Measurement:
        """The inverse of `to_json`. Raises DeviceError where `record` is not a measurement of this schema."""
        if not isinstance(record, dict) or record.get("schema") != SCHEMA:
            raise DeviceError(f"this is not a measurement of schema {SCHEMA}", _AGAIN)
        try:
            fields = {"firmware": None} | {k: v for k, v in record.items() if k != "schema"}  # older ones have none
            return from_record(Measurement, fields, "measurement")
        except ModelError as error:
            raise DeviceError(f"the measurement cannot be read: {error.message}", _AGAIN) from error

    def gate_values(self) -> dict[str, float | None]:
        """Key of a budget -> the number of this measurement for it."""
        ram = None if self.memory is None else self.memory.peak_bytes / 1024
        energy = None if self.power is None else self.power.energy_mj
        latency = None if self.latency is None else self.latency.p90_us / 1000
        found = {"latency_p90_ms": latency, "ram_kib": ram, "energy_mj": energy}
        if self.firmware is not None:
            footprint = self.firmware.footprint
            found |= {"ram_kib": self.firmware.ram_bytes / 1024}
            found |= {"flash_kib": None if footprint is None else footprint.flash_bytes / 1024}
        return found

    def launches_ms(self) -> tuple[float, ...]:
        """The 90th percentile of each launch in milliseconds; empty where they were not told apart."""
        return tuple(p90_us / 1000 for p90_us in self.latency.launch_p90_us) if self.latency else ()

    def gate_notes(self) -> dict[str, str]:
        """Key of a budget -> what its number is, for the report."""
        notes: dict[str, str] = {}
        if self.latency is not None:
            timed = f"{self.latency.count} runs on {self.device}"
            if self.conditions.emulated:
                timed += f", {self.conditions.emulated}"
            notes["latency_p90_ms"] = timed if self.latency.steady else f"{timed}; {self.latency.steady_note}"
        if self.firmware is not None:
            notes["ram_kib"] = "arena, other variables, and the stack that a painted one shows"
            notes["flash_kib"] = "code and constants of the least program with the network in it"
        if self.memory is not None:
            notes["ram_kib"] = self.memory.includes
        if self.power is not None:
            notes["energy_mj"] = self.power.how
        return notes


def summarise(samples_us: Sequence[float], warmup_count: int, settled: bool = True, launch_count: int = 1) -> Latency:
    """The summary of latencies in microseconds, in the order in which they were taken. Raises ValueError on none."""
    interval, upper = median_interval(samples_us), quantile_interval(samples_us, 90)
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
        p90_low_us=upper.low if upper else None,
        p90_high_us=upper.high if upper else None,
        interval_method=INTERVAL_METHOD,
        launch_count=launch_count,
        settled=settled,
        relative_spread=relative_spread(samples_us),
        outlier_count=outlier_count(samples_us),
        steady=steady.steady,
        steady_note=steady.note,
        histogram=histogram(samples_us),
    )
