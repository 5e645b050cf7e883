"""Reads the power of a Raspberry Pi 5 while a model runs. A file of its own: it is copied to the device.

    python power_worker.py request.json

Runs beside `worker.py`, in a phase of its own, for sampling takes a little of the processor: a thread asks the power
management chip over and over (`vcgencmd pmic_read_adc`) while the model runs. Where a board has no such sensors, that
is said, and no error. Python 3.8, numpy and a runtime.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

_SECONDS = 5.0
_LEAST_SAMPLES = 5
# Lines such as `   3V3_SYS_A current(1)=0.06928720A` and `   3V3_SYS_V volt(9)=3.31380700V`.
_LINE = re.compile(r"^\s*(\w+)_([AV])\s+(?:current|volt)\(\d+\)=([\d.]+)[AV]\s*$", re.MULTILINE)


def main(request_path: str) -> None:
    """Write the mean power of each rail in watts, how many inferences there were and in how many seconds."""
    folder = Path(request_path).resolve().parent
    sys.path.insert(0, str(folder))
    worker = importlib.import_module("worker")
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    result: dict[str, Any] = {"rails": {}, "why": "this device has no power sensors that can be read"}
    if rails(worker._tool("vcgencmd", "pmic_read_adc")):
        interpreter = worker._interpreter(worker._runtime(), request, folder)
        interpreter.allocate_tensors()
        worker._golden_run(interpreter, worker._golden_inputs(folder / request["golden"]), folder / "power.npz")
        result = _measured(interpreter, worker)
    (folder / request["result"]).write_text(json.dumps(result), encoding="utf-8")


def rails(said: str) -> dict[str, float]:
    """Watts of each rail of which both the current and the voltage are told; the others have no power to tell."""
    found: dict[str, dict[str, float]] = {}
    for match in _LINE.finditer(said):
        found.setdefault(match[1], {})[match[2]] = float(match[3])
    return {name: pair["A"] * pair["V"] for name, pair in found.items() if len(pair) == 2}


def _measured(interpreter: Any, worker: Any) -> dict[str, Any]:
    samples: list[dict[str, float]] = []
    over = threading.Event()

    def sample() -> None:
        while not over.is_set():
            found = rails(worker._tool("vcgencmd", "pmic_read_adc"))
            if found:
                samples.append(found)

    worker._warm_up(interpreter.invoke, None)
    thread = threading.Thread(target=sample, daemon=True)
    started, count = time.monotonic(), 0
    thread.start()
    while time.monotonic() < started + _SECONDS:
        interpreter.invoke()
        count += 1
    seconds = time.monotonic() - started
    over.set()
    thread.join(worker._TOOL_SECONDS + 1)
    taken = list(samples)
    if len(taken) < _LEAST_SAMPLES:
        return {"rails": {}, "why": f"only {len(taken)} readings of the power sensors in {seconds:.0f} s"}
    names = sorted(set.intersection(*(set(one) for one in taken)))
    mean = {name: sum(one[name] for one in taken) / len(taken) for name in names}
    return {"rails": mean, "samples": len(taken), "inferences": count, "seconds": seconds}


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (RuntimeError, ValueError, OSError, KeyError, ImportError, MemoryError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        sys.exit(1)
