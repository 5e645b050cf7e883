"""Runs a model on a device and writes down what happened. A file of its own: it is copied to the device.

Needs Python 3.8 (which does not evaluate these annotations), numpy and one of ai_edge_litert, tflite_runtime; nothing
of edgekit. Usage:

    python worker.py request.json

The request names the model, the golden inputs (an .npz with `input_0`, `input_1`, ... each with the samples first),
where to write outputs (`output_0`, ... likewise) and the result, threads, kernels, runs and warm-ups. The order is
that of the harm a failure would do: load, first inference, golden outputs, then timing; so a wrong answer is known
before anything is timed. Times are `time.perf_counter_ns`.
"""

from __future__ import annotations

import json
import math
import os
import platform
import resource
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WINDOW = 8
_SETTLED = 0.03
_WARMUP_LIMIT = 400
_WARMUP_SECONDS = 4.0
_TIMED_SECONDS = 10.0
_WANTED_SECONDS = 120.0
_RUNS_LEAST = 100
_RUNS_LIMIT = 1000
_KNOWN = 0.015


def main(request_path: str) -> None:
    """Do what the request says and write its result file."""
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    folder = Path(request_path).resolve().parent
    runtime = _runtime()
    samples = _golden_inputs(folder / request["golden"])
    load_before = _load()
    _reset_peak()
    baseline = _peak_bytes()
    started = time.perf_counter_ns()
    interpreter = _interpreter(runtime, request, folder)
    interpreter.allocate_tensors()
    init_us = _since(started)
    first_us = _golden_run(interpreter, samples, folder / request["outputs"])
    warmups = _warm_up(interpreter.invoke, request["warmup"])
    times = _timed(interpreter.invoke, request["runs"])
    result = {
        "init_us": init_us,
        "first_inference_us": first_us,
        "warmup_count": warmups,
        "latencies_us": times,
        "baseline_bytes": baseline,
        "peak_bytes": _peak_bytes(),
        "load_before": load_before,
        "load_after": _load(),
        **_device(runtime),
    }
    (folder / request["result"]).write_text(json.dumps(result), encoding="utf-8")


def _runtime() -> tuple[str, str, Any]:
    """Package, version and interpreter module of the runtime that is there."""
    try:
        from ai_edge_litert import interpreter

        return "ai-edge-litert", _version("ai-edge-litert"), interpreter
    except ImportError:
        from tflite_runtime import interpreter

        return "tflite-runtime", _version("tflite-runtime"), interpreter


def _version(package: str) -> str:
    from importlib import metadata

    return metadata.version(package)


def _interpreter(runtime: tuple[str, str, Any], request: dict[str, Any], folder: Path) -> Any:
    module = runtime[2]
    resolvers = module.OpResolverType
    resolver = {
        "xnnpack": resolvers.BUILTIN,
        "builtin": resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "reference": resolvers.BUILTIN_REF,
    }[request["kernels"]]
    return module.Interpreter(
        model_path=str(folder / request["model"]),
        num_threads=request["threads"],
        experimental_op_resolver_type=resolver,
    )


def _golden_inputs(path: Path) -> list[Any]:
    """The arrays `input_0`, `input_1`, ... in that order; each has the samples first."""
    import numpy as np

    with np.load(path, allow_pickle=False) as file:
        return [file[f"input_{i}"] for i in range(len(file.files)) if f"input_{i}" in file.files]


def _golden_run(interpreter: Any, inputs: list[Any], path: Path) -> float:
    """Run every golden sample, write the outputs, and give the first one's time in microseconds.

    Variable tensors are reset before each sample, so that samples do not depend on their order.
    """
    import numpy as np

    details = interpreter.get_output_details()
    rows: list[list[Any]] = [[] for _ in details]
    first: float | None = None
    for index in range(len(inputs[0])):
        interpreter.reset_all_variables()
        for detail, array in zip(interpreter.get_input_details(), inputs):  # noqa: B905  3.8 has no strict
            interpreter.set_tensor(detail["index"], array[index])
        started = time.perf_counter_ns()
        interpreter.invoke()
        first = _since(started) if first is None else first
        for row, detail in zip(rows, details):  # noqa: B905
            row.append(interpreter.get_tensor(detail["index"]))
    outputs: dict[str, Any] = {f"output_{i}": np.stack(row) for i, row in enumerate(rows)}
    np.savez(str(path), **outputs)
    return float(first or 0.0)


def _warm_up(invoke: Callable[[], None], wanted: int | None) -> int:
    """Run until latencies have settled, or `wanted` times where that is set. Gives how often it ran."""
    times: list[float] = []
    end = time.monotonic() + _WARMUP_SECONDS
    while not _warm(times, wanted, time.monotonic() > end):
        started = time.perf_counter_ns()
        invoke()
        times.append(_since(started))
    return len(times)


def _warm(times: list[float], wanted: int | None, late: bool) -> bool:
    if wanted is not None:
        return len(times) >= wanted
    return settled(times) or len(times) >= _WARMUP_LIMIT or (late and len(times) > 0)


def settled(times: list[float]) -> bool:
    """Whether the fastest of the last window is within 3 % of the fastest of the one before it.

    The fastest, because a shared machine adds to a time and never takes from it.
    """
    if len(times) < 2 * _WINDOW:
        return False
    last, before = min(times[-_WINDOW:]), min(times[-2 * _WINDOW : -_WINDOW])
    return abs(last - before) <= _SETTLED * before


def _timed(invoke: Callable[[], None], wanted: int | None) -> list[float]:
    """Latencies in microseconds: `wanted` of them, or until their median is known, or what fits into the time limit."""
    times: list[float] = []
    end = time.monotonic() + (_TIMED_SECONDS if wanted is None else _WANTED_SECONDS)
    while not times or (time.monotonic() < end and not _enough(times, wanted)):
        started = time.perf_counter_ns()
        invoke()
        times.append(_since(started))
    return times


def _enough(times: list[float], wanted: int | None) -> bool:
    if wanted is not None:
        return len(times) >= wanted
    return len(times) >= _RUNS_LIMIT or (len(times) >= _RUNS_LEAST and len(times) % 25 == 0 and known(times))


def known(times: list[float]) -> bool:
    """Whether the median is known to 1.5 %: by the order statistics about sqrt(n) from the middle, a 95 % interval."""
    ordered, half = sorted(times), len(times) // 2
    reach = math.ceil(math.sqrt(len(times)))
    low, high = ordered[half - reach], ordered[min(half + reach, len(times) - 1)]
    return high - low <= 2 * _KNOWN * ordered[half]


def _since(started: int) -> float:
    return (time.perf_counter_ns() - started) / 1000


def _peak_bytes() -> int:
    """Highest resident memory of this process since the last reset.

    VmHWM of /proc is this program's own. ru_maxrss, the fallback, still holds what the parent used before this program
    was started (it is kept across exec); it is in KiB on Linux, in bytes on macOS.
    """
    for line in _read("/proc/self/status").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _reset_peak() -> None:
    """Let the peak start from what is resident now (proc(5), /proc/pid/clear_refs, value 5), where that is allowed."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None


def _device(runtime: tuple[str, str, Any]) -> dict[str, Any]:
    return {
        "runtime": runtime[0],
        "runtime_version": runtime[1],
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count() or 1,
        "cpu": _cpu(),
        "governor": _governor(),
    }


def _cpu() -> str:
    """The processor's name: /proc/cpuinfo's, else the device tree's (boards), else the machine's."""
    for line in _read("/proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Hardware", "Model"):
            return value.strip()
    return _read("/proc/device-tree/model").strip("\0 \n") or platform.processor() or platform.machine()


def _governor() -> str:
    return _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (RuntimeError, ValueError, OSError, KeyError, ImportError, MemoryError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        sys.exit(1)
