"""A bundle on a phone: the official benchmark_model, pushed, run and read; judged here.

The order is that of the other devices: what the phone is, then whether it computes the golden outputs, then timing,
then the profile in a start of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from edgekit.bundle.manifest import MODEL, TargetRef
from edgekit.bundle.read import Bundle
from edgekit.core.errors import DeviceError, MissingError, UsageError
from edgekit.core.files import sha256_bytes
from edgekit.core.progress import Progress
from edgekit.graph import model as graph
from edgekit.graph.codec import read
from edgekit.measure import android_placement as placement
from edgekit.measure.android_arguments import (
    ONCE,
    Engine,
    Job,
    Timing,
    big_cores,
    can_prove,
)
from edgekit.measure.android_facts import Facts
from edgekit.measure.android_launches import FEWEST, Launch, enough, launch, summary, timings
from edgekit.measure.android_log import ToolLog
from edgekit.measure.android_outputs import Model, bounds, inputs_of, run_samples
from edgekit.measure.android_placement import ModelOp
from edgekit.measure.android_profile import Row, parse_profile
from edgekit.measure.android_session import Phone
from edgekit.measure.android_tool import Tool, find_tool
from edgekit.measure.evaluation import RunChunk, measure_task
from edgekit.measure.measurement import Conditions, Measurement, Memory, Parity, Profile, TaskAccuracy
from edgekit.measure.options import Accelerator, CheckOptions
from edgekit.measure.parity import judge_parity
from edgekit.transports.base import Transport

_PROFILE = "profile.csv"
_PROFILE_RUNS = 50
_PROFILE_BYTES = 16 << 20
_MEMORY = "growth of benchmark_model from its start to the end of the runs: weights, packed weights and activations"


@dataclass(frozen=True, slots=True)
class Station:
    """An open phone with the tool on it; `before` is what it told of itself then, `mask` is taskset's."""

    phone: Phone
    engine: Engine
    tool: Tool
    before: Facts
    mask: str
    options: CheckOptions


@dataclass(frozen=True, slots=True)
class Check:
    """One bundle at a station."""

    station: Station
    bundle: Bundle
    model: Model
    ops: tuple[ModelOp, ...]

    @property
    def options(self) -> CheckOptions:
        """How to measure."""
        return self.station.options


def measure_on_phone(
    bundle: Bundle,
    transport: Transport,
    device: str,
    options: CheckOptions,
    progress: Progress,
) -> Measurement:
    """Measure `bundle` on the phone behind `transport`, which is open.

    Wrong outputs are in the result's `parity` and no error. Raises MissingError where there is no benchmark_model for
    this phone, DeviceError where the phone, the tool or what it wrote fails, UsageError for options that the tool has
    not and for a bundle without golden samples.
    """
    with steps(progress, f"check on {device}", 2 + FEWEST + options.profile):
        station = settle_in(transport, device, options)
        check = bring(station, bundle, MODEL)
        progress.advance()
        parity = prove(check)
        progress.advance()
        launches, log = _timed(check, progress)
        after = station.phone.facts()
        rows, why, log = _profiled(check, log)
        if options.profile:
            progress.advance()
    task = _task(check, progress)
    return _measurement(check, _Taken(after, parity, launches, rows, why, log, task))


def settle_in(transport: Transport, device: str, options: CheckOptions) -> Station:
    """Look at the phone and push the tool for it. Errors as in `measure_on_phone`."""
    engine = Engine(options.threads, options.kernels, options.accelerator, options.phone)
    phone = Phone(device, transport, options.timeout_s)
    before = phone.facts()
    tool = find_tool(options.benchmark_model, before.abis, before.lab, device)
    if not can_prove(phone.install(tool)):
        raise MissingError(
            f"{device}: {tool.path} takes no inputs from files, so that parity cannot be proved",
            "it may be the tool of LiteRT's compiled models: use the one of tflite/tools/benchmark",
        )
    return Station(phone, engine, tool, before, big_cores(before.max_khz) if options.phone.big_cores else "", options)


def bring(station: Station, bundle: Bundle, file: str) -> Check:
    """Push the bundle's model under a name. Raises UsageError where it has no golden samples."""
    if bundle.golden is None or bundle.manifest.golden is None:
        raise UsageError(f"{bundle.folder} has no golden samples to compare with", "build it with calibration samples")
    station.phone.push(file, bundle.model_bytes)
    parsed = read(bundle.model_bytes)
    model = Model(file, _signature(parsed), bundle.manifest.inputs, bundle.manifest.outputs)
    return Check(station, bundle, model, tuple(ModelOp(op.name, op.custom_name or op.kind) for op in parsed.main.ops))


def prove(check: Check) -> Parity:
    """Whether the phone computes the golden outputs."""
    golden, spec, engine = check.bundle.golden, check.bundle.manifest.golden, check.station.engine
    assert golden is not None and spec is not None  # `bring` has looked
    found = run_samples(check.station.phone, engine, check.model, inputs_of(golden, check.model.inputs))
    allowed, kernels, words = bounds(spec, golden, engine)
    judged = judge_parity(golden.outputs, found, allowed, kernels)
    return dataclasses.replace(judged, note="; ".join(part for part in (judged.note, words) if part))


def start(check: Check, timing: Timing, result: str) -> tuple[Launch, ToolLog]:
    """Start the tool once, timed; `result` is a name that no start had before."""
    station = check.station
    return launch(station.phone, station.engine, _job(check, timing, result), station.mask)


@dataclass(frozen=True, slots=True)
class _Taken:
    """All that was taken on the phone; `why` says in words why there is no profile."""

    after: Facts
    parity: Parity
    launches: tuple[Launch, ...]
    rows: tuple[Row, ...]
    why: str
    log: ToolLog
    task: TaskAccuracy | None


def _signature(model: graph.Model) -> str:
    """The one to run where the tool would not choose by itself: of several, the first of the main graph."""
    if len(model.signatures) < 2:
        return ""
    mine = [s.key for s in model.signatures if s.graph is model.main]
    return mine[0] if mine else model.signatures[0].key


def _timed(check: Check, progress: Progress) -> tuple[tuple[Launch, ...], ToolLog]:
    """Starts of the tool: as many as the runs are shared out to, or until the median is known."""
    launches: list[Launch] = []
    log = ToolLog()
    planned = timings(check.options.runs, check.options.warmup)
    more = check.options.runs is None
    while planned or (more and not enough(launches)):
        timing = planned.pop(0) if planned else timings(None, check.options.warmup)[0]
        one, log = start(check, timing, f"result{len(launches)}.pb")
        launches.append(one)
        if len(launches) <= FEWEST:
            progress.advance()
    return tuple(launches), log


def _job(check: Check, timing: Timing, result: str = "", profile: str = "") -> Job:
    return Job(check.model.file, timing, check.model.signature, result=result, profile=profile)


def _profiled(check: Check, log: ToolLog) -> tuple[tuple[Row, ...], str, ToolLog]:
    """The operators' rows, or why there are none; and the log that tells of delegates."""
    if not check.options.profile:
        return (), "", log
    runs = min(check.options.runs or _PROFILE_RUNS, _PROFILE_RUNS)
    timing = Timing(runs, 1, ONCE.min_s, ONCE.warmup_min_s, ONCE.max_s)
    station, phone = check.station, check.station.phone
    result = phone.run(station.engine, _job(check, timing, profile=_PROFILE), station.mask)
    text = phone.pull(_PROFILE, _PROFILE_BYTES).decode("utf-8", "replace") if phone.has(_PROFILE) else result.stdout
    try:
        profiled = phone.finish(result)
        return parse_profile(text, phone.device), "", profiled
    except DeviceError as error:
        return (), f"There are no times by operator: {error.message}", log


def _task(check: Check, progress: Progress) -> TaskAccuracy | None:
    """The task's accuracy with outputs of the phone, where samples were given."""
    if check.options.evaluation is None:
        return None
    return measure_task(check.bundle, check.options.evaluation, _chunks(check), progress)


def _chunks(check: Check) -> RunChunk:
    return lambda arrays: run_samples(check.station.phone, check.station.engine, check.model, arrays)


def _measurement(check: Check, taken: _Taken) -> Measurement:
    footprints = [one.footprint_bytes for one in taken.launches if one.footprint_bytes is not None]
    firsts = sorted(taken.launches, key=lambda one: one.init_us)
    middle, station = firsts[len(firsts) // 2], check.station
    return Measurement(
        device=station.phone.device,
        target=check.bundle.manifest.target.name,
        model_sha256=sha256_bytes(check.bundle.model_bytes),
        latency=summary(taken.launches, station.before.health, taken.after.health),
        init_us=middle.init_us,
        first_inference_us=middle.first_us,
        memory=Memory(max(footprints), _MEMORY) if footprints else None,
        profile=placement.profile(taken.rows, check.ops) if taken.rows else Profile((), taken.why),
        parity=taken.parity,
        conditions=conditions(station, taken.after, taken.log.lab),
        placement=placement.place(taken.log, taken.rows, check.ops, station.engine),
        scope=f"signature {check.model.signature}" if check.model.signature else "",
        task=taken.task,
        warnings=tuple(_warnings(check, taken)),
    )


def conditions(station: Station, after: Facts, lab: str) -> Conditions:
    """Under what it ran, and when (the only clock here). Battery, power saving and screen are of the system's words.

    `lab` is what the lab's program said of itself.
    """
    facts, engine = station.before, station.engine
    battery = f"battery {facts.battery}" if facts.battery else ""
    return Conditions(
        cpu=facts.soc or facts.model,
        machine=facts.machine,
        system="; ".join(part for part in (facts.system, battery, facts.state) if part),
        cores=facts.cores,
        governor=facts.governor,
        threads=engine.threads,
        kernels=engine.kernels.value,
        runtime="benchmark_model of edgekit's lab" if station.tool.of_the_lab else "benchmark_model",
        runtime_version=lab.partition("(on ")[2].rstrip(")") or f"sha256 {station.tool.sha256[:12]}",
        python="",
        taken_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        board=facts.board,
        emulated=facts.emulated,
        before=facts.health,
        after=after.health,
    )


def _warnings(check: Check, taken: _Taken) -> Iterator[str]:
    station = check.station
    yield from _misfit(check.bundle.manifest.target)
    if "power saving on" in station.before.state:
        yield "Power saving is on: the phone holds its clocks down."
    if "screen off" in station.before.state:
        yield "The screen is off: some phones hold their clocks down then."
    if station.engine.accelerator is not Accelerator.CPU:
        yield from _fallen(check, taken)
    if station.before.hidden:
        yield f"The phone does not let us read: {', '.join(station.before.hidden)}."


def _misfit(target: TargetRef) -> Iterator[str]:
    if target.kind != "android":
        yield f"Built for {target.title}, which is no phone: its budget and kernels are another device's."


def _fallen(check: Check, taken: _Taken) -> Iterator[str]:
    """A delegate that was asked for and did less than all."""
    station = check.station
    where = placement.place(taken.log, taken.rows, check.ops, station.engine)
    name = station.engine.accelerator.value.upper()
    if where.operators_taken is None:
        yield f"It is not known how many operators the {name} took: {where.note}."
    elif where.operators_taken < where.operators_total:
        yield f"The {name} took {where.operators_taken} of {where.operators_total} operators: {where.note}."


@contextmanager
def steps(progress: Progress, label: str, total: int) -> Iterator[None]:
    """A piece of work that is told of, and has ended also where it fails."""
    progress.start(label, total)
    try:
        yield
    finally:
        progress.finish()
