"""Memory of each step on a model of 100 MB, and whether an interrupted step, begun again, gives the same bytes.

Usage: python -m bench.memory_100mb [--steps 'quantize*'] [--samples 16] [--peaks-only] [--json FILE]

A residual convolution network with a wide fully connected end, 25 million random weights. Each step runs in a child of
its own: once to the end, whose peak of resident memory (the child with its children) is held against the model's bytes
and against what only loading and running the model takes; once killed in the middle (SIGKILL) and once interrupted
(SIGINT), each begun again in the same workspace.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekit.compress.registry import STEPS
from edgekit.compress.step import Setting
from edgekit.core.errors import EdgekitError
from edgekit.core.files import sha256_file, write_atomic
from edgekit.core.process import last_line, run
from edgekit.core.progress import Silent
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Buffer, Graph, Model, Op, Tensor
from edgekit.graph.ops import is_float
from edgekit.graph.types import DType
from edgekit.runtime.litert import LiteRT
from edgekit.targets.load import load_target

_NOTHING = "load and run"
_SIZE = 32
_CLASSES = 10
_LONGEST_S = 2 * 3600.0
OPTIONS: Mapping[str, Mapping[str, object]] = {
    "distill": {"epochs": 2, "minutes": None},
    "prune-channels": {"macs": 0.5},
}
"""Options beside the defaults, where those would train for long or, without a goal, do next to nothing."""
BEHIND_QUANTIZE = frozenset({"repair"})
"""Steps that work on an integer model; theirs is made by the default quantize before."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step. `same` says whether the bytes after an interruption are those of the run without one."""

    step: str
    seconds: float = 0.0
    peak_bytes: int = 0
    over_model: float = 0.0
    same_after_kill: bool | None = None
    same_after_interrupt: bool | None = None
    resumed_seconds: float = 0.0
    failure: str = ""


@dataclass(frozen=True, slots=True)
class RandomSamples:
    """`count` images of noise, made when they are asked for."""

    count: int

    def feeds(self, limit: int | None) -> Iterator[Mapping[str, np.ndarray]]:
        """At most `limit` of them."""
        for index in range(min(self.count, limit or self.count)):
            image = np.random.default_rng(index).normal(0, 1, (1, _SIZE, _SIZE, 3))
            yield {"image": image.astype(np.float32)}


class Net:
    """A graph that grows layer by layer."""

    def __init__(self) -> None:
        self._graph = Graph("main")
        self._rng = np.random.default_rng(0)
        self._last = self._tensor("image", 1, _SIZE, _SIZE, 3)
        self._graph.inputs = [self._last]

    def model(self) -> Model:
        """What has grown; its last tensor is the output."""
        self._graph.outputs = [self._last]
        return Model(graphs=[self._graph], buffers=[Buffer()])

    def conv(self, width: int, stride: int = 1) -> None:
        """3x3, ReLU; with a stride of 1 and the same width as before, beside a sum with what went in."""
        before, (_, height, across, depth) = self._last, self._last.shape
        fused = schema.ActivationFunctionType.RELU
        made = _options("Conv2DOptions", strideW=stride, strideH=stride, fusedActivationFunction=fused,
                        dilationWFactor=1, dilationHFactor=1)  # fmt: skip
        shape = (1, height // stride, across // stride, width)
        self._layer("CONV_2D", (width, 3, 3, depth), shape, made)
        if depth == width and stride == 1:
            self._op("ADD", [before, self._last], shape, _options("AddOptions"))

    def dense(self, width: int) -> None:
        """Fully connected; flattens first where need be."""
        if len(self._last.shape) > 2:
            flat = (1, self._last.size)
            self._op("RESHAPE", [self._last, self._constant("shape", np.array(flat, np.int32))], flat)
        made = _options("FullyConnectedOptions", fusedActivationFunction=schema.ActivationFunctionType.RELU)
        self._layer("FULLY_CONNECTED", (width, self._last.shape[1]), (1, width), made)

    def softmax(self) -> None:
        """The end."""
        self._op("SOFTMAX", [self._last], self._last.shape, _options("SoftmaxOptions", beta=1.0))

    def _layer(self, kind: str, weights: tuple[int, ...], shape: tuple[int, ...], made: Any) -> None:
        deviation = (2 / np.prod(weights[1:])) ** 0.5
        kernel = self._constant("weights", self._rng.normal(0, deviation, weights).astype(np.float32))
        bias = self._constant("bias", self._rng.normal(0, 0.1, weights[0]).astype(np.float32))
        self._op(kind, [self._last, kernel, bias], shape, made)

    def _op(self, kind: str, inputs: list[Tensor | None], shape: tuple[int, ...], made: Any = None) -> None:
        self._last = self._tensor(f"{kind.lower()}_{len(self._graph.ops)}", *shape)
        self._graph.ops.append(Op(kind, inputs, [self._last], made))

    def _tensor(self, name: str, *shape: int) -> Tensor:
        return self._graph.add_tensor(Tensor(name, shape, DType.FLOAT32))

    def _constant(self, name: str, values: np.ndarray) -> Tensor:
        called = f"{name}_{len(self._graph.tensors)}"
        tensor = self._graph.add_tensor(Tensor(called, values.shape, DType.of(values.dtype), Buffer()))
        tensor.set_data(values)
        return tensor


def _options(name: str, **fields: Any) -> Any:
    made = getattr(schema, f"{name}T")()
    for key, value in fields.items():
        setattr(made, key, value)
    return made


def hundred_megabytes() -> Model:
    """25 million weights: ten convolutions up to 512 channels, then 8,192 x 1,024."""
    net = Net()
    net.conv(64)
    net.conv(128, stride=2)
    net.conv(256, stride=2)
    net.conv(512, stride=2)
    for _ in range(6):
        net.conv(512)
    net.dense(1024)
    net.dense(_CLASSES)
    net.softmax()
    return net.model()


def work(step_name: str, model_path: Path, folder: Path, samples: int) -> None:
    """What a child does: one step from file to file; its parts are kept in `folder`/workspace."""
    data = model_path.read_bytes()
    if step_name == _NOTHING:
        runner = LiteRT(data)
        for feed in RandomSamples(samples).feeds(None):
            runner.run(feed)
        return
    original = read(data)
    model, step = original, STEPS.load(step_name)
    if step_name in BEHIND_QUANTIZE:
        model = read(model_path.with_name("quantized.tflite").read_bytes())
    options = step.options(OPTIONS.get(step_name, {}))
    setting = Setting(
        target=load_target("local"), samples=RandomSamples(samples), original=original,
        floating=None if model is original else original, workspace=folder / "workspace", progress=Silent(),
    )  # fmt: skip
    step.requires(model, options, setting)
    result = step.apply(model, step.plan(model, options, setting))
    check(result)
    write_atomic(folder / "result.tflite", write(result))
    own, child = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    peak = (own + child) * 1024  # a step's own child is in a group of its own, which nobody else looks at
    (folder / "peak.json").write_text(json.dumps({"peak_bytes": peak, "float": is_float(result)}))


class Trial:
    """One step on one model file."""

    def __init__(self, step: str, model: Path, samples: int) -> None:
        self._step = step
        self._model = model
        self._samples = samples

    def row(self, peak_only: bool) -> Row:
        """To the end; then killed and begun again, interrupted and begun again."""
        with tempfile.TemporaryDirectory() as name:
            done = run(self._argv(Path(name)), timeout_s=_LONGEST_S)
            if failure := done.failure(self._step):
                return Row(self._step, done.seconds, failure=failure)
            result = Path(name) / "result.tflite"
            wanted = sha256_file(result) if result.exists() else ""
            own = json.loads((Path(name) / "peak.json").read_text())["peak_bytes"] if wanted else 0
        peak, size = max(done.peak_bytes, own), self._model.stat().st_size
        if peak_only or not wanted:
            return Row(self._step, done.seconds, peak, peak / size)
        killed, again_s = self._broken(signal.SIGKILL, done.seconds / 2, wanted)
        interrupted, _ = self._broken(signal.SIGINT, done.seconds / 2, wanted)
        return Row(self._step, done.seconds, peak, peak / size, killed, interrupted, again_s)

    def _broken(self, how: signal.Signals, after_s: float, wanted: str) -> tuple[bool, float]:
        """Whether a run that gets a signal and then a second one give the bytes `wanted`; the second one's seconds."""
        with tempfile.TemporaryDirectory() as name:
            child = subprocess.Popen(self._argv(Path(name)), start_new_session=True, stderr=subprocess.DEVNULL)
            time.sleep(after_s)
            if how is signal.SIGINT:
                child.send_signal(how)
                child.wait()
            else:
                os.killpg(child.pid, how)
                child.wait()
            (Path(name) / "result.tflite").unlink(missing_ok=True)
            done = run(self._argv(Path(name)), timeout_s=_LONGEST_S)
            result = Path(name) / "result.tflite"
            return result.exists() and sha256_file(result) == wanted, done.seconds

    def _argv(self, folder: Path) -> list[str | Path]:
        asked = ["--child", self._step, "--folder", folder, "--model", self._model, "--samples", str(self._samples)]
        return [sys.executable, "-m", "bench.memory_100mb", *asked]


def main() -> None:
    """A row for each step that there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", default="*")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--peaks-only", action="store_true", help="interrupt nothing")
    parser.add_argument("--json", type=Path)
    for internal in ("--child", "--folder", "--model"):
        parser.add_argument(internal, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        _child(asked)
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.tflite"
        model.write_bytes(write(hundred_megabytes()))
        print(f"the model: {model.stat().st_size / 1e6:.1f} MB\n\n{HEADER}")
        for step in (_NOTHING, *STEPS):
            if step == _NOTHING or fnmatch(step, asked.steps):
                if step in BEHIND_QUANTIZE:
                    _quantize(model, asked.samples)
                rows.append(Trial(step, model, asked.samples).row(asked.peaks_only))
                print(markdown(rows[-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def _quantize(model: Path, samples: int) -> None:
    """The integer model, beside the float one."""
    with tempfile.TemporaryDirectory() as name:
        work("quantize", model, Path(name), samples)
        (Path(name) / "result.tflite").replace(model.with_name("quantized.tflite"))


def _child(asked: argparse.Namespace) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
    try:
        work(asked.child, Path(asked.model), Path(asked.folder), asked.samples)
    except EdgekitError as error:
        raise SystemExit(last_line(error.message)) from error


HEADER = (
    "| step | seconds | peak, MB | peak / model | same bytes after SIGKILL | after SIGINT | second run, s | note |\n"
    "|---|---:|---:|---:|---|---|---:|---|"
)


def markdown(row: Row) -> str:
    """A row of the table."""
    if row.failure:
        return f"| {row.step} | {row.seconds:.0f} | | | | | | {row.failure} |"
    answers = (row.same_after_kill, row.same_after_interrupt)
    same = ["–" if said is None else "yes" if said else "**no**" for said in answers]
    cells = [f"{row.seconds:.0f}", f"{row.peak_bytes / 1e6:.0f}", f"{row.over_model:.1f}", *same]
    return f"| {row.step} | " + " | ".join([*cells, f"{row.resumed_seconds:.0f}", ""]) + " |"


if __name__ == "__main__":
    main()
