"""Two bundles on one device, in turns: the ratio of their latencies, with its interval."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.bundle.manifest import GOLDEN, MODEL
from edgekit.bundle.read import Bundle
from edgekit.core.errors import DeviceError, UsageError
from edgekit.core.files import sha256_bytes
from edgekit.core.progress import Progress
from edgekit.core.units import format_us
from edgekit.measure.answer import LEAST_US, conditions, outputs, outputs_bytes
from edgekit.measure.board import runner_of
from edgekit.measure.check import require_files, require_golden
from edgekit.measure.measurement import Conditions, Parity
from edgekit.measure.options import CheckOptions
from edgekit.measure.parity import judge_parity
from edgekit.measure.ratio import VERDICTS, Verdict, Versus, judge
from edgekit.measure.statistics import percentile
from edgekit.measure.visit import Visit
from edgekit.transports.base import Transport
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import DeviceUri

_HALF_WIDTH = 0.01
_LAUNCHES = 10
_MOST_BLOCKS = 1000
_IN_ONE = "one process, in turns A B B A"
_APART = "a start of the tool for each turn, A B B A"


def compare_bundles(a: Bundle, b: Bundle, device: DeviceUri, options: CheckOptions, progress: Progress) -> Versus:
    """Run `a` and `b` in turns on `device`.

    Raises DeviceError where the device fails or one of them computes something else than its golden samples (a fast
    wrong answer is no answer), UsageError where one has none or the device takes no bundles.
    """
    for bundle in (a, b):
        require_golden(bundle)
    require_files(device)
    with transport_for(device) as transport:
        if device.transport == "adb":
            return _by_launches((a, b), device, transport, options, progress)
        progress.start(f"compare on {device}", 1)
        try:
            return _in_one_process((a, b), device, transport, options)
        finally:
            progress.finish()


def _in_one_process(
    pair: tuple[Bundle, Bundle], device: DeviceUri, transport: Transport, options: CheckOptions
) -> Versus:
    """Both loaded by one worker."""
    runner = runner_of(device, transport, options.python)
    visit = Visit(str(device), transport, options.timeout_s, runner.python)
    digests = [_bring(visit, bundle, side) for bundle, side in zip(pair, "ab", strict=True)]
    visit.bring_worker("worker.py")
    kernels = options.kernels.value
    answer = visit.ask("versus_worker.py", VersusRequest(options.warmup, options.threads, kernels))
    for bundle, side in zip(pair, "ab", strict=True):
        _require_right(_parity(bundle, visit, f"outputs_{side}.npz", kernels), visit.device, bundle)
    blocks = answer.numbers("blocks_a_us"), answer.numbers("blocks_b_us")
    return _versus(visit.device, digests, blocks, _IN_ONE, conditions(answer, options.threads, kernels))


def _by_launches(
    pair: tuple[Bundle, Bundle], device: DeviceUri, transport: Transport, options: CheckOptions, progress: Progress
) -> Versus:
    """On a phone, where no process holds both: in turns, a start of the tool each."""
    from edgekit.measure.android_turns import turns_on_phone

    turns = turns_on_phone(pair, transport, str(device), options, progress, _LAUNCHES)
    digests = [sha256_bytes(bundle.files[MODEL]) for bundle in pair]
    return _versus(str(device), digests, (turns.a_us, turns.b_us), _APART, turns.conditions)


@dataclass(frozen=True, slots=True)
class VersusRequest:
    """What the worker is asked for; `half_width` is the share of 1 to which the ratio is to be known."""

    warmup: int | None
    threads: int
    kernels: str
    half_width: float = _HALF_WIDTH

    def to_bytes(self) -> bytes:
        """The request file."""
        sides = [
            {"model": f"{s}_{MODEL}", "golden": f"{s}_{GOLDEN}", "outputs": f"outputs_{s}.npz"} for s in ("a", "b")
        ]
        values = {"warmup": self.warmup, "threads": self.threads, "kernels": self.kernels}
        return json.dumps({**values, "half_width": self.half_width, "sides": sides, "result": "result.json"}).encode()


def _bring(visit: Visit, bundle: Bundle, side: str) -> str:
    """Push one side's model and golden samples; gives the model's hash."""
    visit.push(f"{side}_{MODEL}", bundle.files[MODEL])
    visit.push(f"{side}_{GOLDEN}", bundle.files[GOLDEN])
    return sha256_bytes(bundle.files[MODEL])


def _parity(bundle: Bundle, visit: Visit, name: str, kernels: str) -> Parity:
    golden, spec = bundle.golden, bundle.manifest.golden
    if golden is None or spec is None:
        raise UsageError(f"{bundle.folder} has no golden samples to compare with")
    found = outputs(visit.fetch(name, outputs_bytes(golden.outputs.values())), tuple(golden.outputs), visit.device)
    return judge_parity(golden.outputs, found, spec.bounds, kernels)


def _require_right(parity: Parity, device: str, bundle: Bundle) -> None:
    if not parity.passed:
        raise DeviceError(f"{device} computes something else with {bundle.folder.name}: {parity.first_difference}")


def _versus(
    device: str, digests: list[str], blocks: tuple[Sequence[float], Sequence[float]], how: str, where: Conditions
) -> Versus:
    """The sums of all blocks. Raises DeviceError where the sides have not equally many, too many, or a time of 0."""
    if len(blocks[0]) != len(blocks[1]) or len(blocks[0]) > _MOST_BLOCKS or min(*blocks[0], *blocks[1]) < LEAST_US:
        raise DeviceError(f"{device}: the worker's blocks do not fit together")
    ratio, low, high, verdict = judge([a / b for a, b in zip(*blocks, strict=True)])
    p50_a, p50_b = percentile(blocks[0], 50), percentile(blocks[1], 50)
    words = _words((ratio, low, high), verdict, (p50_a, p50_b), where.emulated)
    return Versus(
        device, digests[0], digests[1], ratio, low, high, verdict, p50_a, p50_b, len(blocks[0]), how, where, words
    )


def _words(
    ratio: tuple[float, float | None, float | None], verdict: Verdict, medians_us: tuple[float, float], emulated: str
) -> str:
    middle, low, high = ratio
    times = f"A {format_us(medians_us[0])}, B {format_us(medians_us[1])}"
    if low is None or high is None:
        found = f"{times}: too few blocks for a verdict"
    else:
        interval = f"A takes {middle:.3f} times as long as B ({low:.3f} to {high:.3f}, 95 %)"
        found = f"{times}: {interval}: {VERDICTS[verdict]}"
    return f"{found} [{emulated}]" if emulated else found
