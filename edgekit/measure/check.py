"""A bundle on a device: pushed, run there in a process of its own, and judged here."""

from __future__ import annotations

import dataclasses

from edgekit.bundle.manifest import TargetRef
from edgekit.bundle.read import Bundle
from edgekit.core.errors import UsageError
from edgekit.core.progress import Progress
from edgekit.measure.answer import conditions, latency, memory, noise, outputs, outputs_bytes, placement, power, profile
from edgekit.measure.board import Facts, runner_of
from edgekit.measure.evaluation import chunk_runner, measure_task
from edgekit.measure.launches import until_ruled
from edgekit.measure.measurement import Measurement, Power, Profile
from edgekit.measure.options import CheckOptions
from edgekit.measure.parity import judge_parity
from edgekit.measure.visit import Request, Visit
from edgekit.runtime.litert import Kernels
from edgekit.transports.base import Transport
from edgekit.transports.framed import FramedTransport
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import DeviceUri

_PROFILE_RUNS = 50
_MOST_RUNS = 1000
"""Timed runs that the worker does by itself."""


def check_bundle(bundle: Bundle, device: DeviceUri, options: CheckOptions, progress: Progress) -> Measurement:
    """Measure `bundle` on `device`.

    Wrong outputs are in the result's `parity` and no error. Raises DeviceError where the device or the runtime fails (a
    crash names its signal), UsageError where the bundle has no golden samples or the device takes no such bundle.
    """
    require_golden(bundle)
    if device.transport == "qemu":
        from edgekit.measure.microcontroller import measure_emulated

        return measure_emulated(bundle, device, options, progress)
    with transport_for(device) as transport:
        if isinstance(transport, FramedTransport):
            from edgekit.measure.microcontroller import measure_on_port

            return measure_on_port(bundle, device, transport, options, progress)
        return check_open(bundle, device, transport, options, progress)


def check_open(
    bundle: Bundle, device: DeviceUri, transport: Transport, options: CheckOptions, progress: Progress
) -> Measurement:
    """As `check_bundle`, through a transport that is open and stays so."""
    require_golden(bundle)
    require_files(device)
    if device.transport == "adb":
        from edgekit.measure.android import measure_on_phone

        return measure_on_phone(bundle, transport, str(device), options, progress)
    progress.start(f"check on {device}", 3 if options.profile else 2)
    try:
        runner = runner_of(device, transport, options.python)
        visit = Visit(str(device), transport, options.timeout_s, runner.python)
        visit.bring(bundle)
        progress.advance()
        measurement = _measure(bundle, visit, options)
        limit_ms = options.p90_limit_ms
        if limit_ms is not None and (options.accept_emulated or not measurement.conditions.emulated):
            measurement = until_ruled(measurement, limit_ms, lambda: _measure(bundle, visit, options))
        warnings = (*measurement.warnings, *misfits(bundle.manifest.target, runner.facts))
        measurement = dataclasses.replace(measurement, warnings=warnings)
        progress.advance()
        if options.profile:
            found = _profile(bundle, visit, options, measurement.conditions.runtime)
            measurement = dataclasses.replace(measurement, profile=found)
            progress.advance()
    finally:
        progress.finish()
    if options.evaluation is not None:
        run = chunk_runner(bundle, visit, options.threads, options.kernels.value)
        measurement = dataclasses.replace(measurement, task=measure_task(bundle, options.evaluation, run, progress))
    return measurement


def misfits(target: TargetRef, facts: Facts | None) -> tuple[str, ...]:
    """Where a board is not of the kind that the bundle was built for; its numbers hold for itself alone then."""
    if facts is None or target.kind != "linux":
        return ()
    found = f"the device is {facts.machine} with {facts.bits} bits"
    if not facts.machine.startswith(("aarch64", "arm")):
        return (f"Built for {target.title}, an Arm board, but {found}.",)
    wanted = 32 if target.runtime == "tflite-runtime" else 64
    if facts.bits != wanted:
        return (f"Built for {target.title}, a system of {wanted} bits, but {found}.",)
    return ()


def require_golden(bundle: Bundle) -> None:
    """Raises UsageError where there is nothing to compare a device's outputs with."""
    if bundle.golden is None or bundle.manifest.golden is None:
        raise _no_golden(bundle)


def require_files(device: DeviceUri) -> None:
    """Raises UsageError for a device whose bundle is in its firmware: nothing can be brought there and run."""
    if device.transport in ("serial", "qemu"):
        raise UsageError(
            f"{device}: a microcontroller has its bundle in its firmware, so none can be brought there",
            "`edgekit check` and `edgekit profile` run what is in the firmware",
        )


def _measure(bundle: Bundle, visit: Visit, options: CheckOptions) -> Measurement:
    """One process: load, golden samples, warm up, time."""
    request = Request(options.runs, options.warmup, options.threads, options.kernels.value, options.half_width)
    answer = visit.ask("worker.py", request)
    golden, spec = bundle.golden, bundle.manifest.golden
    if golden is None or spec is None:
        raise _no_golden(bundle)
    found = outputs(
        visit.fetch("outputs.npz", outputs_bytes(golden.outputs.values())), tuple(golden.outputs), visit.device
    )
    return Measurement(
        device=visit.device,
        target=bundle.manifest.target.name,
        model_sha256=visit.model_sha256,
        latency=latency(answer, options.runs or _MOST_RUNS),
        init_us=answer.number("init_us"),
        first_inference_us=answer.number("first_inference_us"),
        memory=memory(answer),
        profile=Profile((), ""),
        parity=judge_parity(golden.outputs, found, spec.bounds, options.kernels.value),
        conditions=conditions(answer, options.threads, options.kernels.value),
        placement=placement(answer, bundle.model_bytes, options.kernels.value),
        scope=answer.text("scope"),
        noise=noise(answer),
    )


def _profile(bundle: Bundle, visit: Visit, options: CheckOptions, runtime: str) -> Profile:
    """Another process: the runtime's own profiler. What it cannot do is said, and no error."""
    if runtime != "ai-edge-litert":
        return Profile((), f"{runtime} has no profiler, so there are no times by operator.")
    if options.kernels is not Kernels.XNNPACK:
        return Profile((), f"Times by operator are taken with the kernels {Kernels.XNNPACK.value} only.")
    runs = options.runs or _PROFILE_RUNS
    reply = visit.try_ask("profile_worker.py", Request(min(runs, _PROFILE_RUNS), 0, 1, options.kernels.value))
    return profile(reply, bundle.model_bytes, visit.device)


def _power(visit: Visit, options: CheckOptions) -> Power | None:
    """Another process: the board's power while the model runs; None where it has no sensors."""
    visit.bring_worker("worker.py")
    request = Request(None, None, options.threads, options.kernels.value)
    return power(visit.ask("power_worker.py", request))


def _no_golden(bundle: Bundle) -> UsageError:
    return UsageError(f"{bundle.folder} has no golden samples to compare with", "build it with calibration samples")
