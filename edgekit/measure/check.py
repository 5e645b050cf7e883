"""A bundle on a device: pushed, run there in a process of its own, and judged here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from edgekit.bundle.read import Bundle
from edgekit.core.errors import UsageError
from edgekit.core.progress import Progress
from edgekit.measure.answer import conditions, latency, memory, outputs, profile
from edgekit.measure.measurement import Measurement, Profile
from edgekit.measure.parity import judge_parity
from edgekit.measure.visit import Request, Visit
from edgekit.runtime.litert import Kernels
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import DeviceUri

_PROFILE_RUNS = 50


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """How to measure.

    Attributes:
        runs: timed inferences; None runs until the median is known to 1.5 %: 100 to 1,000 times, 10 s at most.
        warmup: inferences before that; None runs until the latencies have settled.
        threads: for the kernels.
        kernels: which kernels run.
        profile: whether to time the operators too, in a second process.
        timeout_s: for each process on the device.
    """

    runs: int | None = None
    warmup: int | None = None
    threads: int = 1
    kernels: Kernels = Kernels.XNNPACK
    profile: bool = True
    timeout_s: float = 300.0

    def __post_init__(self) -> None:
        if (self.runs is not None and self.runs < 1) or self.threads < 1 or (self.warmup or 0) < 0:
            raise UsageError("runs and threads are 1 at least, warm-ups 0")


def check_bundle(bundle: Bundle, device: DeviceUri, options: CheckOptions, progress: Progress) -> Measurement:
    """Measure `bundle` on `device`.

    Wrong outputs are in the result's `parity` and no error. Raises DeviceError where the device or the runtime fails (a
    crash names its signal), UsageError where the bundle has no golden samples.
    """
    if bundle.golden is None or bundle.manifest.golden is None:
        raise _no_golden(bundle)
    progress.start(f"check on {device}", 2 if options.profile else 1)
    try:
        with transport_for(device) as transport:
            visit = Visit(str(device), transport, options.timeout_s)
            visit.bring(bundle)
            measurement = _measure(bundle, visit, options)
            progress.advance()
            if options.profile:
                measurement = dataclasses.replace(measurement, profile=_profile(bundle, visit, options))
                progress.advance()
    finally:
        progress.finish()
    return measurement


def _measure(bundle: Bundle, visit: Visit, options: CheckOptions) -> Measurement:
    """One process: load, golden samples, warm up, time."""
    request = Request(options.runs, options.warmup, options.threads, options.kernels.value)
    answer = visit.ask("worker.py", request)
    golden, spec = bundle.golden, bundle.manifest.golden
    if golden is None or spec is None:
        raise _no_golden(bundle)
    found = outputs(visit.fetch("outputs.npz"), tuple(golden.outputs), visit.device)
    return Measurement(
        device=visit.device,
        target=bundle.manifest.target.name,
        model_sha256=visit.model_sha256,
        latency=latency(answer),
        init_us=answer.number("init_us"),
        first_inference_us=answer.number("first_inference_us"),
        memory=memory(answer),
        profile=Profile((), ""),
        parity=judge_parity(golden.outputs, found, spec.bounds, options.kernels.value),
        conditions=conditions(answer, options.threads, options.kernels.value),
    )


def _profile(bundle: Bundle, visit: Visit, options: CheckOptions) -> Profile:
    """Another process: the runtime's own profiler. What it cannot do is said, and no error."""
    if options.kernels is not Kernels.XNNPACK:
        return Profile((), f"Times by operator are taken with the kernels {Kernels.XNNPACK.value} only.")
    runs = options.runs or _PROFILE_RUNS
    reply = visit.try_ask("profile_worker.py", Request(min(runs, _PROFILE_RUNS), 0, 1, options.kernels.value))
    return profile(reply, bundle.model_bytes, visit.device)


def _no_golden(bundle: Bundle) -> UsageError:
    return UsageError(f"{bundle.folder} has no golden samples to compare with", "build it with calibration samples")
