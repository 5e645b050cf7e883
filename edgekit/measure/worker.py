"""Runs a model on a device and writes down what happened. A file of its own: it is copied to the device.

Needs Python 3.8 (which does not evaluate these annotations), numpy and one of ai_edge_litert, tflite_runtime; nothing
of edgekit. Usage:

    python worker.py request.json

The request names the model, the golden inputs (an .npz with `input_0`, `input_1`, ... each with the samples first),
where to write outputs (`output_0`, ... likewise) and the result, threads, kernels, runs, warm-ups and, as a share of
the median, the half-width to which that is to be known. The order is that of the harm a failure would do: load, first
inference, golden outputs, then timing; so a wrong answer is known before anything is timed. Times are
`time.perf_counter_ns`.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WINDOW = 8
_WINDOW_SECONDS = 0.1
_SETTLED = 0.01
_WARMUP_SECONDS = 10.0
_TIMED_SECONDS = 10.0
_WANTED_SECONDS = 120.0
_RUNS_LEAST = 100
_RUNS_LIMIT = 1000
_HALF_WIDTH = 0.015
_NORMAL = 1.959964  # 97.5 % of a normal distribution lie below
_TOOL_SECONDS = 5.0


def main(request_path: str) -> None:
    """Do what the request says and write its result file."""
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    folder = Path(request_path).resolve().parent
    runtime = _runtime()
    samples = _golden_inputs(folder / request["golden"])
    _reset_peak()
    baseline = _peak_bytes()
    started = time.perf_counter_ns()
    interpreter = _interpreter(runtime, request, folder)
    interpreter.allocate_tensors()
    init_us = _since(started)
    first_us = _golden_run(interpreter, samples, folder / request["outputs"])
    warmups, settled = _warm_up(interpreter.invoke, request["warmup"])
    before, quiet = health(), _taken()
    times = _timed(interpreter.invoke, request["runs"], request.get("half_width") or _HALF_WIDTH)
    result = {
        "init_us": init_us,
        "first_inference_us": first_us,
        "warmup_count": warmups,
        "settled": settled,
        "latencies_us": times,
        "noise": _noise(quiet, _taken()),
        "before": before,
        "after": health(),
        "baseline_bytes": baseline,
        "peak_bytes": _peak_bytes(),
        "placement": placement(interpreter),
        "scope": _scope(interpreter),
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


def _warm_up(invoke: Callable[[], None], wanted: int | None) -> tuple[int, bool]:
    """Run until latencies have settled, or `wanted` times where that is set. Gives how often it ran and if settled."""
    times: list[float] = []
    end = time.monotonic() + _WARMUP_SECONDS
    while len(times) != wanted:
        if wanted is None and (settled(times) or (times and time.monotonic() > end)):
            break
        started = time.perf_counter_ns()
        invoke()
        times.append(_since(started))
    return len(times), wanted is not None or settled(times)


def settled(times: list[float]) -> bool:
    """Whether the last window of runs is no faster or slower than the one before it.

    A window is 8 runs and 0.1 s at least, for a clock needs so long to rise. Their medians are within 1 %, or a
    Mann-Whitney test at 5 % tells no difference (Mann and Whitney, Annals of Mathematical Statistics 18(1), 1947).
    """
    if len(times) < 2 * _WINDOW:
        return False
    typical = sorted(times[-_WINDOW:])[_WINDOW // 2]
    size = max(_WINDOW, math.ceil(_WINDOW_SECONDS * 1e6 / max(typical, 1.0)))
    if len(times) < 2 * size or len(times) % max(1, size // 4):
        return False
    before, last = sorted(times[-2 * size : -size]), sorted(times[-size:])
    if abs(last[size // 2] - before[size // 2]) <= _SETTLED * before[size // 2]:
        return True
    return abs(_mann_whitney(before, last)) < _NORMAL


def _mann_whitney(one: list[float], other: list[float]) -> float:
    """The statistic U as a standard normal number (no correction for ties, which makes it smaller)."""
    import numpy as np

    sides = np.searchsorted(other, one, "left") + np.searchsorted(other, one, "right")
    product = len(one) * len(other)
    return float((sides.sum() / 2 - product / 2) / math.sqrt(product * (len(one) + len(other) + 1) / 12))


def _timed(invoke: Callable[[], None], wanted: int | None, target: float) -> list[float]:
    """Latencies in microseconds: `wanted` of them, or until their median is known, or what fits into the time limit."""
    times: list[float] = []
    end = time.monotonic() + (_TIMED_SECONDS if wanted is None else _WANTED_SECONDS)
    while not times or (time.monotonic() < end and not _enough(times, wanted, target)):
        started = time.perf_counter_ns()
        invoke()
        times.append(_since(started))
    return times


def _enough(times: list[float], wanted: int | None, target: float) -> bool:
    if wanted is not None:
        return len(times) >= wanted
    if len(times) >= _RUNS_LIMIT:
        return True
    return len(times) >= _RUNS_LEAST and len(times) % 25 == 0 and half_width(times) <= target


def half_width(times: list[float]) -> float:
    """The longer side of the 95 % interval of the median as a share of it, as `edgekit.measure.statistics` has it."""
    count, ordered = len(times), sorted(times)
    median = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    extent = correlation_time([t <= median for t in times])
    reach = _NORMAL * (1 + (_NORMAL**2 + 1) / 4 * extent / count) * math.sqrt(count * extent) / 2
    low = max(math.floor((count - 1) / 2 - reach), math.floor((count - 1) * 0.025))
    high = min(math.ceil((count - 1) / 2 + reach), math.ceil((count - 1) * 0.975))
    return max(ordered[high] - median, median - ordered[low]) / median if median else 0.0


def correlation_time(flags: list[bool]) -> float:
    """By how much correlation multiplies the variance of a mean: 1 + 2 (sum of autocorrelations), 1 at least.

    Summed in pairs of lags while they are positive: Geyer, "Practical Markov Chain Monte Carlo", Statistical Science
    7(4), 1992, section 3.3.
    """
    import numpy as np

    values = np.asarray(flags, dtype=np.float64)
    values = values - values.mean()
    count, variance = len(values), float(values @ values)
    if variance == 0.0:
        return 1.0
    total = -1.0
    for lag in range(0, count - 1, 2):
        pair = float(values[: count - lag] @ values[lag:] + values[: count - lag - 1] @ values[lag + 1 :])
        if pair <= 0:
            break
        total += 2 * pair / variance
    return max(1.0, total)


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


def health() -> dict[str, Any]:
    """Clocks in MHz by core, the hottest zone in degrees Celsius, what throttles, and the load average."""
    clocks = sorted(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq"), key=str)
    zones = [_read(str(p)).strip() for p in Path("/sys/class/thermal").glob("thermal_zone*/temp")]
    heat = [int(z) / 1000 for z in zones if re.fullmatch(r"\d{4,6}", z)]
    found = re.search(r"temp=([\d.]+)", _tool("vcgencmd", "measure_temp"))
    heat += [float(found[1])] if found else []
    return {
        "clock_mhz": [round(int(text) / 1000, 1) for text in (_read(str(p)).strip() for p in clocks) if text.isdigit()],
        "temperature_c": max(heat) if heat else None,
        "throttled": throttled(_tool("vcgencmd", "get_throttled")),
        "load": _load(),
    }


def throttled(said: str) -> str:
    """The bits of `vcgencmd get_throttled` in words.

    Bits 0 to 3 are now, 16 to 19 since the board started: https://www.raspberrypi.com/documentation/computers/os.html
    """
    found = re.search(r"throttled=0x([0-9a-fA-F]+)", said)
    bits = int(found[1], 16) if found else 0
    words = ("under-voltage", "clock capped", "throttled", "soft temperature limit")
    now = [word for i, word in enumerate(words) if bits >> i & 1]
    once = [word for i, word in enumerate(words) if bits >> (16 + i) & 1 and not bits >> i & 1]
    parts = (["now: " + ", ".join(now)] if now else []) + (["since it started: " + ", ".join(once)] if once else [])
    return "; ".join(parts)


def _tool(*argv: str) -> str:
    """What a program prints, or nothing where it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            argv, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_TOOL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _taken() -> dict[str, Any]:
    """Counters that grow where other programs take the processor: proc(5), getrusage(2)."""
    delays = _read("/proc/self/schedstat").split()
    ticks = _read("/proc/stat").partition("\n")[0].split()[1:]
    return {
        "seconds": time.monotonic(),
        "switches": resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw,
        "waited_ns": int(delays[1]) if len(delays) == 3 else None,
        "stolen": int(ticks[7]) if len(ticks) > 7 else None,
        "ticks": sum(map(int, ticks[:8])) if len(ticks) > 7 else None,
    }


def _noise(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What was taken in between; shares are 0 to 1."""
    grown: dict[str, Any] = {k: None if after[k] is None or before[k] is None else after[k] - before[k] for k in after}
    waited = None if grown["waited_ns"] is None else grown["waited_ns"] / 1e9 / max(grown["seconds"], 1e-9)
    stolen = None if grown["ticks"] is None else max(grown["stolen"], 0) / max(grown["ticks"], 1)
    return {"involuntary_switches": grown["switches"], "waited_share": waited, "stolen_share": stolen}


def placement(interpreter: Any) -> dict[str, Any]:
    """Which nodes of the main graph a delegate took: those between the inputs and the outputs of a DELEGATE node.

    The interpreter lists the model's nodes in their order and appends one for each partition of a delegate.
    """
    try:
        nodes = interpreter._get_ops_details()
    except (AttributeError, UnicodeDecodeError):  # a runtime without it; a name that is no text
        return {"taken": None, "kernels": 0, "note": "this runtime cannot list its nodes"}
    model = [n for n in nodes if not _is_delegate(n)]
    makers = {int(t): n for n in model for t in n["outputs"]}
    taken: set[int] = set()
    delegates = [n for n in nodes if _is_delegate(n)]
    for delegate in delegates:
        outside, open_tensors = {int(t) for t in delegate["inputs"]}, [int(t) for t in delegate["outputs"]]
        while open_tensors:
            node = makers.get(open_tensors.pop())
            if node is not None and int(node["index"]) not in taken:
                taken.add(int(node["index"]))
                open_tensors += [int(t) for t in node["inputs"] if int(t) not in outside]
    return {"taken": sorted(taken), "kernels": len(delegates), "note": "from the interpreter's list of nodes"}


def _is_delegate(node: Any) -> bool:
    return "DELEGATE" in str(node["op_name"]).upper()


def _scope(interpreter: Any) -> str:
    """What one inference is, where a model has several ways in."""
    try:
        names = sorted(interpreter._get_full_signature_list())
    except (AttributeError, UnicodeDecodeError):
        return "the main graph; its signatures cannot be read"
    return f"the main graph, of the signatures {', '.join(names)}" if len(names) > 1 else ""


def emulated() -> str:
    """With what this device is emulated; "" for real hardware, or where nothing gives it away."""
    said = _read("/etc/edgekit-lab").strip().splitlines()
    if said:
        return said[0]
    for process in ("1", str(os.getppid())):
        name = re.search(r"qemu-(?!ga)[a-z0-9_]+", _read(f"/proc/{process}/cmdline").partition("\0")[0])
        if name:
            return f"emulated: {name[0]} in user mode"
    if "dummy-virt" in _read("/proc/device-tree/compatible") + _read("/proc/device-tree/model"):
        return "emulated: a virtual machine of QEMU"
    return ""


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
        "board": _read("/proc/device-tree/model").strip("\0 \n"),
        "emulated": emulated(),
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
