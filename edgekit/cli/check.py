"""`edgekit check`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.fleet import fleet_progress, measured_words, nothing, show_failures
from edgekit.cli.output import write_json

if TYPE_CHECKING:
    from edgekit.bundle.read import Bundle
    from edgekit.measure.evaluation import EvaluationSamples
    from edgekit.measure.fleet import Outcome
    from edgekit.measure.gates import Gate
    from edgekit.measure.measurement import Measurement
    from edgekit.measure.options import CheckOptions
    from edgekit.targets.target import Budget
    from edgekit.transports.uri import DeviceUri

PATH = click.Path(path_type=Path)
PRECISE = "Without --runs: until the median's 95 % interval is within this of it."
ACCELERATORS = ("cpu", "gpu", "npu")


@dataclass(frozen=True, slots=True)
class Judging:
    """What numbers are held against.

    Attributes:
        accept_emulated: whether times of an emulated device are, too.
        same_samples: whether the accuracy on the device comes from the samples of the bundle's verification.
    """

    budget: Budget
    accept_emulated: bool = False
    same_samples: bool = False


@click.command()
@click.argument("bundle", type=PATH)
@click.option("--device", "devices", required=True, multiple=True, metavar="URI", help="Where to run it; repeatable.")
@click.option("--runs", type=click.IntRange(1), help="How many timed runs; without it until the median is known.")
@click.option(
    "--precision", type=click.FloatRange(0.1, 50), default=1.5, show_default=True, metavar="PERCENT", help=PRECISE
)
@click.option("--warmup", type=click.IntRange(0), help="How many runs before; without it until the latency settles.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--accelerator", type=click.Choice(ACCELERATORS), default="cpu", show_default=True, help="On a phone.")
@click.option("--full-precision", is_flag=True, help="On a phone: no 16 bits on its GPU or NPU.")
@click.option("--npu-delegate", default="", metavar="PATH", help="On a phone: its maker's delegate; else NNAPI.")
@click.option("--npu-options", default="", metavar="KEY:VALUE;…", help="For that delegate.")
@click.option("--big-cores", is_flag=True, help="On a phone: stay off its slowest cores.")
@click.option("--against", type=PATH, metavar="BUNDLE", help="Run both in turns and tell the ratio of their latencies.")
@click.option("--evaluation", type=PATH, help="Labelled samples: measure the task's accuracy on the device too.")
@click.option("--evaluation-limit", type=click.IntRange(1), help="At most so many of them, evenly spread.")
@click.option("--budget", "budgets", multiple=True, metavar="KEY=VALUE", help="A limit over the bundle's own.")
@click.option("--accept-emulated", is_flag=True, help="Hold times of emulated devices against limits too.")
@click.option("--benchmark-model", type=PATH, help="LiteRT's benchmark_model for a phone.")
@click.option("--python", default="", metavar="PATH", help="The interpreter to use on a board.")
@click.option("--json", "json_path", type=PATH, help="Write the results there, - for stdout.")
def check(
    bundle: Path,
    devices: tuple[str, ...],
    runs: int | None,
    precision: float,
    warmup: int | None,
    threads: int,
    accelerator: str,
    full_precision: bool,
    npu_delegate: str,
    npu_options: str,
    big_cores: bool,
    against: Path | None,
    evaluation: Path | None,
    evaluation_limit: int | None,
    budgets: tuple[str, ...],
    accept_emulated: bool,
    benchmark_model: Path | None,
    python: str,
    json_path: Path | None,
) -> None:
    """Latency, memory and parity of BUNDLE on devices, against its budgets.

    Several devices are measured at once. Each measurement is added to the bundle; a device that fails does not stop the
    others, and the exit code is 5 then.
    """
    from edgekit.bundle.read import open_bundle
    from edgekit.measure.fleet import parse_devices
    from edgekit.measure.options import Accelerator, CheckOptions, PhoneOptions

    uris, opened = parse_devices(devices), open_bundle(bundle)
    samples, budget = _samples(opened, evaluation, evaluation_limit), _budget(opened, budgets)
    options = CheckOptions(
        runs=runs,
        warmup=warmup,
        threads=threads,
        python=python,
        accelerator=Accelerator(accelerator),
        phone=PhoneOptions(not full_precision, npu_delegate, npu_options, big_cores),
        benchmark_model=benchmark_model,
        evaluation=samples,
        half_width=precision / 100,
        p90_limit_ms=budget.latency_p90_ms,
        accept_emulated=accept_emulated,
    )
    if against is not None:
        _compare(opened, open_bundle(against), uris, options, json_path)
        return
    same = samples is not None and samples.are_those_of(opened.manifest)
    _check(opened, uris, options, Judging(budget, accept_emulated, same), json_path)


def _samples(bundle: Bundle, path: Path | None, limit: int | None) -> EvaluationSamples | None:
    from edgekit.data.dataset import open_dataset
    from edgekit.measure.evaluation import EvaluationSamples

    return EvaluationSamples.of(bundle, open_dataset(path), limit) if path else None


def _budget(bundle: Bundle, texts: tuple[str, ...]) -> Budget:
    """The bundle's own, with what was asked for over it."""
    from edgekit.targets.target import Budget, parse_budget

    return Budget(**bundle.manifest.budget).merge(dict(parse_budget(text) for text in texts))


def _check(
    bundle: Bundle, devices: tuple[DeviceUri, ...], options: CheckOptions, judging: Judging, json_path: Path | None
) -> None:
    """Measure, keep, show, and raise what a caller must know: failed devices before broken budgets."""
    from edgekit.bundle.measured import add_measurement
    from edgekit.measure.check import check_bundle
    from edgekit.measure.fleet import FleetJob, on_fleet
    from edgekit.report.text import render_measurement

    def keep(measurement: Measurement) -> None:
        if bundle.folder.is_dir():
            add_measurement(bundle.folder, measurement.to_json())

    job = FleetJob(lambda device, progress: check_bundle(bundle, device, options, progress), keep, measured_words)
    outcomes = on_fleet(devices, job, fleet_progress(devices))
    judged = [(m, gates_of(bundle, m, judging)) for m in (o.result for o in outcomes) if m is not None]
    if json_path is not None:
        write_json(json_path, _record(outcomes, {m.device: gates for m, gates in judged}))
    if json_path is None or str(json_path) != "-":
        click.echo("\n\n".join(render_measurement(m, gates) for m, gates in judged), nl=bool(judged))
    show_failures(outcomes)
    _require_passed(judged)


def gates_of(bundle: Bundle, measurement: Measurement, judging: Judging) -> tuple[Gate, ...]:
    """The budget next to this device's numbers and the bundle's own."""
    from edgekit.measure.evaluation import device_drop
    from edgekit.measure.gates import evaluate_gates
    from edgekit.targets.target import kib_of

    values = {"model_kib": kib_of(len(bundle.model_bytes)), **measurement.gate_values()}
    notes = measurement.gate_notes()
    if bundle.manifest.verification is not None:
        values["accuracy_drop"] = bundle.manifest.verification.drop_points
    drop = device_drop(bundle.manifest.verification, measurement.task) if judging.same_samples else None
    if drop is not None:
        values["accuracy_drop"], notes["accuracy_drop"] = drop, f"measured on {measurement.device}"
    emulated = "" if judging.accept_emulated else measurement.conditions.emulated
    return evaluate_gates(judging.budget, values, notes, emulated, measurement.launches_ms())


def _record(outcomes: tuple[Outcome[Measurement], ...], gates: dict[str, tuple[Gate, ...]]) -> list[dict[str, object]]:
    """One object for each device: its measurement and gates, or its error."""
    from edgekit.core.records import to_record

    rows: list[dict[str, object]] = []
    for outcome in outcomes:
        device, error, measured = str(outcome.device), outcome.error, outcome.result
        rows.append(
            {
                "device": device,
                "measurement": measured.to_json() if measured else None,
                "gates": [{**to_record(g), "verdict": g.verdict} for g in gates.get(device, ())],
                "error": {"message": error.message, "hint": error.hint} if error else None,
            }
        )
    return rows


def _require_passed(judged: list[tuple[Measurement, tuple[Gate, ...]]]) -> None:
    """Raises DeviceError for wrong outputs, GateError for broken budgets."""
    from edgekit.core.errors import DeviceError, GateError
    from edgekit.measure.gates import describe, failed_gates

    for measurement, _ in judged:
        if not measurement.parity.passed:
            raise DeviceError(f"{measurement.device} computes something else: {measurement.parity.first_difference}")
    broken = [f"{m.device}: {describe(gates)}" for m, gates in judged if failed_gates(gates)]
    if broken:
        raise GateError("; ".join(broken))


def _compare(
    one: Bundle, other: Bundle, devices: tuple[DeviceUri, ...], options: CheckOptions, json_path: Path | None
) -> None:
    """`--against`: both bundles in turns on each device."""
    from edgekit.core.records import to_record
    from edgekit.measure.fleet import FleetJob, on_fleet
    from edgekit.measure.versus import compare_bundles
    from edgekit.report.text import render_versus

    job = FleetJob(lambda d, p: compare_bundles(one, other, d, options, p), nothing, lambda versus: versus.words)
    outcomes = on_fleet(devices, job, fleet_progress(devices))
    if json_path is not None:
        write_json(
            json_path,
            [
                {
                    "device": str(o.device),
                    "versus": to_record(o.result),
                    "error": {"message": o.error.message, "hint": o.error.hint} if o.error else None,
                }
                for o in outcomes
            ],
        )
    if json_path is None or str(json_path) != "-":
        for outcome in outcomes:
            if outcome.result is not None:
                click.echo(render_versus(outcome.result))
    show_failures(outcomes)
