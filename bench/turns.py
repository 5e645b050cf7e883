"""Two .tflite files on this machine in turns, one thread: the ratio of their latencies, by edgekit's own worker."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edgekit.measure
from edgekit.bundle.manifest import GOLDEN, MODEL
from edgekit.core.process import run
from edgekit.measure.ratio import judge
from edgekit.measure.statistics import percentile
from edgekit.measure.versus import VersusRequest
from edgekit.runtime.affine import quantize
from edgekit.runtime.litert import LiteRT
from edgekit.verify.intervals import Estimate
from edgekit.verify.outputs import Feed, fitted

_HALF_WIDTH = 0.03  # of the ratio: 3 % is enough to tell whether a model pays, and a machine in use gives no more
_LONGEST_S = 300.0


@dataclass(frozen=True, slots=True)
class Turns:
    """`ratio`: the first one's latency over the second's in the same block; the interval is NaN with too few blocks."""

    ratio: Estimate
    first_us: float
    second_us: float


def in_turns(first: bytes, second: bytes, feed: Feed) -> Turns:
    """Time both, interleaved. Raises ModelError where the runtime refuses one of them or fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for worker in ("worker.py", "versus_worker.py"):
            shutil.copy(Path(edgekit.measure.__file__).with_name(worker), folder / worker)
        for side, data in (("a", first), ("b", second)):
            (folder / f"{side}_{MODEL}").write_bytes(data)
            np.savez(folder / f"{side}_{GOLDEN}", **_golden(data, feed))
        request = VersusRequest(warmup=None, threads=1, kernels="xnnpack", half_width=_HALF_WIDTH)
        (folder / "request.json").write_bytes(request.to_bytes())
        argv = [sys.executable, folder / "versus_worker.py", folder / "request.json"]
        run(argv, timeout_s=_LONGEST_S).require("the timing of two models in turns")
        answer = json.loads((folder / "result.json").read_text())
    times = answer["blocks_a_us"], answer["blocks_b_us"]
    ratio, low, high, _ = judge([a / b for a, b in zip(*times, strict=True)])
    nan = float("nan")
    interval = Estimate(ratio, nan if low is None else low, nan if high is None else high)
    return Turns(interval, percentile(times[0], 50), percentile(times[1], 50))


def _golden(model: bytes, feed: Feed) -> dict[str, np.ndarray]:
    """One sample as the worker takes it: stored values, `input_0` and so on in the model's order."""
    infos = LiteRT(model).inputs
    inputs = fitted(feed.inputs, infos)
    arrays = {}
    for i, info in enumerate(infos):
        value = np.asarray(inputs[info.name]).reshape(info.shape)
        stored = quantize(value, info.scale, info.zero_point, info.dtype) if info.is_quantized else value
        arrays[f"input_{i}"] = stored.astype(info.dtype)[None]
    return arrays
