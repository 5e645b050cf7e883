"""Timed starts of benchmark_model, and the latency that they make together.

The tool gives no single times, only a summary for each start, in whole microseconds. So it is started several times,
and the medians of the starts are the samples: what differs between two starts of a program (memory layout, clock, heat)
is then in the interval, which a single start hides. Of the starts' p95 the median stands for p90, of their maxima for
p99: a start's own p90 and p99 are not above these, so that no limit is kept by what was not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.errors import DeviceError
from edgekit.measure.android_arguments import Engine, Job, Timing, shared_out
from edgekit.measure.android_log import ToolLog
from edgekit.measure.android_result import BenchmarkResult, parse_result
from edgekit.measure.android_session import Phone
from edgekit.measure.measurement import Health, Latency
from edgekit.measure.statistics import (
    TOLERANCE,
    drift_share,
    histogram,
    launch_interval,
    median_interval,
    outlier_count,
    percentile,
    relative_spread,
    steadiness,
    throttling,
)

FEWEST = 8
"""With so many medians an interval of 95 % exists."""
MOST = 16
_RESULT = "result.pb"
_RESULT_BYTES = 1 << 20
_METHOD = "order statistics of the medians of the starts; the tool gives no samples: p90 is its p95, p99 its maximum"
_FINEST_US = 1 / TOLERANCE
_UNSURE = f"not measurable to {100 * TOLERANCE:.3g} % here"
_TOO_FINE = f"{_UNSURE}: the tool counts whole microseconds"
_OLD = "take a newer benchmark_model, which prints p5, median and p95"


@dataclass(frozen=True, slots=True)
class Launch:
    """One start; times in microseconds. `footprint_bytes` is None where the tool does not tell."""

    count: int
    warmup_count: int
    median_us: float
    p5_us: float
    p95_us: float
    min_us: float
    max_us: float
    init_us: float
    first_us: float
    footprint_bytes: int | None


def timings(runs: int | None, warmup: int | None) -> list[Timing]:
    """What each start is asked for: `runs` in all, or, where that is None, what fits into a few seconds each.

    The warm-up is of each start, since each has its own interpreter.
    """
    least = 1 if warmup is None else warmup
    warm_s = 0.5 if warmup is None else 0.0
    if runs is None:
        return [Timing(50, least, 0.5, warm_s, 5.0)] * FEWEST
    return [Timing(part, least, 0.0, warm_s, 150.0) for part in shared_out(runs, FEWEST)]


def launch(phone: Phone, engine: Engine, job: Job, mask: str) -> tuple[Launch, ToolLog]:
    """Start the tool once. Raises DeviceError where its numbers are missing or contradict each other."""
    log = phone.start(engine, job, mask)
    result = parse_result(phone.pull(job.result, _RESULT_BYTES), phone.device) if phone.has(job.result) else None
    return _from_result(result, log, phone.device) if result else _from_log(log, phone.device), log


def enough(launches: Sequence[Launch]) -> bool:
    """Whether more starts would not help: the median is known, or it was tried long enough."""
    return len(launches) >= MOST or steadiness([one.median_us for one in launches]).steady


def summary(launches: Sequence[Launch], before: Health, after: Health) -> Latency:
    """One latency from all starts. On a phone that throttled nothing is sure."""
    medians = [one.median_us for one in launches]
    interval, steady = median_interval(medians), steadiness(medians)
    p50, upper = percentile(medians, 50), [one.p95_us for one in launches]
    known = upper if min(upper) >= 1e-3 else []  # 0 is what the tool's clock rounds down to
    reach = launch_interval(known) if known else None
    why = throttling(drift_share(medians), before.clock_mhz, after.clock_mhz, after.throttled)
    doubt = _TOO_FINE if p50 < _FINEST_US else f"{_UNSURE}: {why}" if why else ""
    return Latency(
        p50_us=p50,
        p90_us=percentile(upper, 50),
        p99_us=percentile([one.max_us for one in launches], 50),
        min_us=min(one.min_us for one in launches),
        max_us=max(one.max_us for one in launches),
        count=sum(one.count for one in launches),
        warmup_count=sum(one.warmup_count for one in launches),
        median_low_us=interval.low if interval else None,
        median_high_us=interval.high if interval else None,
        median_coverage=interval.coverage if interval else None,
        p90_low_us=reach.low if reach else None,
        p90_high_us=reach.high if reach else None,
        interval_method=_METHOD,
        launch_count=len(launches),
        settled=steady.steady,
        relative_spread=relative_spread(medians),
        outlier_count=outlier_count(medians),
        steady=steady.steady and not doubt,
        steady_note=doubt or f"{steady.note}, from {len(launches)} starts of the tool",
        histogram=histogram(medians),
        launch_p90_us=tuple(known),
    )


def _from_result(result: BenchmarkResult, log: ToolLog, device: str) -> Launch:
    times, memory, misc = result.latency, result.memory, result.misc
    runs = log.regular
    if misc.num_runs < 1 or not times.min_ms <= times.median_ms <= times.max_ms:
        raise DeviceError(f"{device}: the result file of benchmark_model has {misc.num_runs} runs in no order")
    if runs is not None and runs.count != misc.num_runs:
        raise DeviceError(f"{device}: the log of benchmark_model has {runs.count} runs, its file {misc.num_runs}")
    return Launch(
        count=misc.num_runs,
        warmup_count=max(misc.num_warmup_runs, 0),
        median_us=_us(times.median_ms),
        p5_us=_us(times.p5_ms),
        p95_us=_us(times.p95_ms),
        min_us=_us(times.min_ms),
        max_us=_us(times.max_ms),
        init_us=_us(times.init_ms),
        first_us=_us(times.first_inference_ms),
        footprint_bytes=None if memory is None else max(memory.overall_footprint_kb, 0) * 1024,
    )


def _from_log(log: ToolLog, device: str) -> Launch:
    """Of a tool that knows no --result_file_path. Raises DeviceError where a part is missing."""
    runs = log.timed(device)
    if log.init_us is None or log.first_us is None:
        raise DeviceError(f"{device}: the log of benchmark_model has no line `Inference timings in us: …`")
    if runs.median_us is None or runs.p5_us is None or runs.p95_us is None:
        raise DeviceError(f"{device}: this benchmark_model gives no percentiles", _OLD)
    return Launch(
        count=runs.count,
        warmup_count=log.warmup.count if log.warmup else 0,
        median_us=runs.median_us,
        p5_us=runs.p5_us,
        p95_us=runs.p95_us,
        min_us=runs.min_us,
        max_us=runs.max_us,
        init_us=log.init_us,
        first_us=log.first_us,
        footprint_bytes=log.footprint_bytes,
    )


def _us(milliseconds: float) -> float:
    """The file's float32 has seven digits: what it rounds is taken off again."""
    return round(milliseconds * 1000, 3)
