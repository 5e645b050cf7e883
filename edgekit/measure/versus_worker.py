"""Times two models in turns on a device. A file of its own: it is copied to the device, beside `worker.py`.

    python versus_worker.py request.json

Both are in one process and run in blocks A B B A, then B A A B, so that a device that grows slower steadily slows both
alike. The first run of each turn is not timed: the other model has just had the caches. Both are loaded anew for each
block, in alternating order and at shifted addresses, for where a model comes to lie changes its speed by a percent or
two (Mytkowicz and others, "Producing Wrong Data Without Doing Anything Obviously Wrong!", ASPLOS 2009): with one load
two copies of the same model differ, with many they do not. The request names both models, both sets of golden inputs
and where to write both sets of outputs; those are written before anything is timed. The answer has, by block, the
median of A's and of B's runs in microseconds. Python 3.8, numpy and a runtime.
"""

from __future__ import annotations

import importlib
import json
import math
import random
import statistics
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

_TURN_SECONDS = 0.02
_TURN_LEAST = 2
_TURN_MOST = 50
_BLOCKS_LEAST = 40
_BLOCKS_LIMIT = 400
_SECONDS = 30.0
_SHIFT_BYTES = 65_536


def main(request_path: str) -> None:
    """Do what the request says and write its result file."""
    folder = Path(request_path).resolve().parent
    sys.path.insert(0, str(folder))
    worker = importlib.import_module("worker")
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    runtime = worker._runtime()
    sides = [{**request, **side} for side in request["sides"]]
    loaded = [_load(worker, runtime, side, folder) for side in sides]
    for interpreter, side in zip(loaded, sides):  # noqa: B905  3.8 has no strict
        inputs = worker._golden_inputs(folder / side["golden"])
        worker._golden_run(interpreter, inputs, folder / side["outputs"])
    warmed = [worker._warm_up(interpreter.invoke, request["warmup"]) for interpreter in loaded]
    counts = [_turn_count(interpreter) for interpreter in loaded]
    inputs = [[array[:1] for array in worker._golden_inputs(folder / side["golden"])] for side in sides]
    before, quiet = worker.health(), worker._taken()
    blocks: list[tuple[float, float]] = []
    end = time.monotonic() + _SECONDS
    while not _enough(blocks, request["half_width"], worker, time.monotonic() > end):
        rng = random.Random(len(blocks))
        kept = [bytearray(rng.randrange(_SHIFT_BYTES)) for _ in range(4)]
        fresh = [_fresh(worker, runtime, sides[i], folder, inputs[i]) for i in _order(len(blocks))[:2]]
        pair = fresh if _order(len(blocks))[0] == 0 else fresh[::-1]
        blocks.append(_block(pair, counts, _order(len(blocks) // 2)))
        del kept
    result = {
        "blocks_a_us": [a for a, _ in blocks],
        "blocks_b_us": [b for _, b in blocks],
        "settled": all(settled for _, settled in warmed),
        "noise": worker._noise(quiet, worker._taken()),
        "before": before,
        "after": worker.health(),
        **worker._device(runtime),
    }
    (folder / request["result"]).write_text(json.dumps(result), encoding="utf-8")


def _load(worker: Any, runtime: Any, request: dict[str, Any], folder: Path) -> Any:
    interpreter = worker._interpreter(runtime, request, folder)
    interpreter.allocate_tensors()
    return interpreter


def _fresh(worker: Any, runtime: Any, request: dict[str, Any], folder: Path, inputs: list[Any]) -> Any:
    """An interpreter that has just been loaded and has run the first golden sample."""
    interpreter = _load(worker, runtime, request, folder)
    worker._golden_run(interpreter, inputs, folder / "again.npz")
    return interpreter


def _order(block: int) -> tuple[int, int, int, int]:
    """Who runs when in a block: A B B A in even ones, B A A B in odd ones."""
    return (0, 1, 1, 0) if block % 2 == 0 else (1, 0, 0, 1)


def _block(pair: list[Any], counts: list[int], order: tuple[int, ...]) -> tuple[float, float]:
    """The median times of A and of B in one block."""
    times: tuple[list[float], list[float]] = ([], [])
    for side in order:
        times[side].extend(_turn(pair[side], counts[side]))
    return statistics.median(times[0]), statistics.median(times[1])


def _turn_count(interpreter: Any) -> int:
    """How many runs a turn has: 20 ms of them, 2 to 50."""
    typical = statistics.median(_turn(interpreter, 3)) / 1e6
    return max(_TURN_LEAST, min(_TURN_MOST, math.ceil(_TURN_SECONDS / max(typical, 1e-6))))


def _turn(interpreter: Any, count: int) -> list[float]:
    interpreter.invoke()
    times = []
    for _ in range(count):
        started = time.perf_counter_ns()
        interpreter.invoke()
        times.append((time.perf_counter_ns() - started) / 1000)
    return times


def _enough(blocks: list[tuple[float, float]], target: float, worker: Any, late: bool) -> bool:
    if len(blocks) < _BLOCKS_LEAST:
        return late and len(blocks) > 0
    return late or len(blocks) >= _BLOCKS_LIMIT or bool(worker.half_width([a / b for a, b in blocks]) <= target)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (RuntimeError, ValueError, OSError, KeyError, ImportError, MemoryError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        sys.exit(1)
