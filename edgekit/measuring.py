"""The pipeline's stages that need devices: measure, and hold the numbers against the budget."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgekit.bundle.read import Bundle, open_bundle
from edgekit.bundle.write import write_bundle
from edgekit.core.errors import DeviceError
from edgekit.core.files import sha256_bytes
from edgekit.core.progress import Progress
from edgekit.job import Draft, Measured, Workshop
from edgekit.measure.check import check_bundle
from edgekit.measure.evaluation import EvaluationSamples, device_drop
from edgekit.measure.fit import Fit
from edgekit.measure.fleet import FleetJob, OneLine, on_fleet
from edgekit.measure.gates import Gate, evaluate_gates, gate_between, with_remedies
from edgekit.measure.measurement import Measurement
from edgekit.measure.options import CheckOptions
from edgekit.report.words import cost_words
from edgekit.targets.target import Kind, Target, kib_of
from edgekit.transports.uri import LOCAL, DeviceUri

LOCAL_RUNS = 100


def measure_stage(
    drafts: list[Draft],
    devices: Mapping[DeviceUri, tuple[Target, ...]],
    workshop: Workshop,
    found: dict[str, Measured],
) -> None:
    """Each bundle on its devices, all devices at once; `found` gets, by the target's name, what comes as it comes."""

    def add(name: str, new: Measured) -> None:
        old = found.get(name, Measured())
        found[name] = Measured((*old.measurements, *new.measurements), old.error or new.error)

    def keep(result: dict[str, Measured]) -> None:
        for name, new in result.items():
            add(name, new)

    def work(device: DeviceUri, progress: Progress) -> dict[str, Measured]:
        names = {target.name for target in devices[device]}
        return measure_on(device, [draft for draft in drafts if draft.job.target.name in names], progress)

    job = FleetJob(work, keep, _fleet_words)
    for outcome in on_fleet(tuple(devices), job, workshop.fleet or OneLine(workshop.progress)):
        for target in devices[outcome.device] if outcome.error else ():
            add(target.name, Measured(error=outcome.error))


def _fleet_words(found: dict[str, Measured]) -> str:
    """What one device gave, for each target in turn."""
    rows = []
    for name, measured in found.items():
        words = [measured_words(m) for m in measured.measurements]
        words += [f"FAILED: {measured.error.message}"] if measured.error else []
        rows.append(f"{name}: {', '.join(words) or 'nothing to measure'}")
    return "; ".join(rows)


def measured_words(measurement: Measurement) -> str:
    """A measurement in a line."""
    parity = "parity kept" if measurement.parity.passed else "WRONG OUTPUTS"
    emulated = f" ({measurement.conditions.emulated})" if measurement.conditions.emulated else ""
    return f"{parity}, {cost_words(measurement)}{emulated}"


def measure_on(device: DeviceUri, drafts: list[Draft], progress: Progress) -> dict[str, Measured]:
    """The bundles of several targets on one device, one after the other; equal ones once.

    Raises DeviceError where none could be measured.
    """
    done: dict[tuple[object, ...], Measured] = {}
    found = {}
    for draft in drafts:
        key = _measured_alike(device, draft)
        if key not in done:
            done[key] = _measure(device, draft, progress)
        name = draft.job.target.name
        renamed = tuple(replace(m, target=name) for m in done[key].measurements)
        found[name] = replace(done[key], measurements=renamed)
    errors = [measured.error for measured in found.values() if measured.error]
    if errors and len(errors) == len(found):
        raise errors[0]
    return found


def _measured_alike(device: DeviceUri, draft: Draft) -> tuple[object, ...]:
    """What two bundles share that are measured as one: model, whose golden outputs, and what runs beside the model."""
    golden = draft.content.golden
    files = () if device == LOCAL else tuple((path, sha256_bytes(d)) for path, d in sorted(draft.content.files.items()))
    return draft.result.sha256, golden[1].kernels if golden else "", files


def _measure(device: DeviceUri, draft: Draft, progress: Progress) -> Measured:
    if draft.content.golden is None:
        return Measured()
    request, target = draft.job.request, draft.job.target
    gated = bool(request.devices) or target.kind is Kind.LOCAL
    options = CheckOptions(
        runs=LOCAL_RUNS if device == LOCAL else None,
        p90_limit_ms=target.budget.merge(request.budgets).latency_p90_ms if gated else None,
        accept_emulated=request.accept_emulated,
    )
    with tempfile.TemporaryDirectory(prefix="edgekit-") as folder:
        write_bundle(Path(folder) / "bundle", draft.content)
        bundle = open_bundle(Path(folder) / "bundle")
        options = replace(options, evaluation=_samples(draft, bundle))
        try:
            return Measured((check_bundle(bundle, device, options, progress),))
        except DeviceError as error:
            return Measured(error=error)


def _samples(draft: Draft, bundle: Bundle) -> EvaluationSamples | None:
    """What a device that was asked for is to be evaluated on too: the samples that this machine's kernels were."""
    request, binding = draft.job.request, draft.job.bindings.get("evaluation")
    if not request.devices or binding is None or not binding.dataset.has_labels or binding.dataset.metric is None:
        return None
    return EvaluationSamples.of(bundle, binding.dataset, request.evaluation_limit)


def gate_stage(draft: Draft, measurements: tuple[Measurement, ...]) -> tuple[Gate, ...]:
    """The target's budget, with the request's over it, next to the numbers; of several devices the worst counts.

    Where no device was asked for, latency and memory are this machine's, and no gate of another target looks at them.
    """
    request, target, verification = draft.job.request, draft.job.target, draft.verification
    values: dict[str, float | None] = {"model_kib": kib_of(len(draft.content.model))}
    values["accuracy_drop"] = verification.drop_points if verification else None
    notes: dict[str, str] = {}
    if draft.fit is not None:
        values, notes = values | draft.fit.gate_values(), notes | draft.fit.gate_notes()
    launches_ms: tuple[float, ...] = ()
    real = [m for m in measurements if request.accept_emulated or not m.conditions.emulated]
    for measurement in measurements:  # an emulated device computes what a real one does
        drop = device_drop(verification, measurement.task)
        if drop is not None and ("accuracy_drop" not in notes or _is_worse(drop, values["accuracy_drop"])):
            values["accuracy_drop"], notes["accuracy_drop"] = drop, f"measured on {measurement.device}"
    if request.devices or target.kind is Kind.LOCAL:
        for measurement in real or measurements:
            worse = {k: v for k, v in measurement.gate_values().items() if _is_worse(v, values.get(k))}
            values |= worse
            launches_ms = measurement.launches_ms() if "latency_p90_ms" in worse else launches_ms
            notes |= {k: v for k, v in measurement.gate_notes().items() if k in worse}
    emulated = measurements[0].conditions.emulated if measurements and not real else ""
    gates = evaluate_gates(target.budget.merge(request.budgets), values, notes, emulated, launches_ms)
    return _with_fit(gates, draft.fit) if draft.fit is not None else gates


def _with_fit(gates: tuple[Gate, ...], fit: Fit) -> tuple[Gate, ...]:
    """The gates with what would mend them, and a time that nobody measured held between its bounds."""
    time = fit.time
    timed = tuple(
        gate_between(g.key, g.limit, time.low_ms, time.high_ms, time.how)
        if time is not None and g.key == "latency_p90_ms" and g.value is None
        else g
        for g in gates
    )
    return with_remedies(timed, fit.remedies())


def _is_worse(value: float | None, than: float | None) -> bool:
    return value is not None and (than is None or value > than)
