"""What import and int8 quantization cost: edgekit, the TensorFlow Lite converter, the quantizer library alone.

Each cell runs in a process of its own, all on the same samples and the same float graph, in interleaved rounds. CPU
seconds are the number to compare: wall time depends on what else the machine does. Memory is the peak of the process.

    python bench/convert.py [--models MobileNetV2,kws] [--samples 100] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.models import MODELS, BenchModel, load_keras

TARGETS = {"converter": 5.0, "library": 2.0, "plain": 2.0, "memory": 3.0}
"""At least so many times faster than the converter and the library; at most so many times plain inference; at most
one such part of the converter's memory."""


@dataclass(slots=True)
class Phases:
    """CPU and wall seconds by phase, and the process's peak of resident memory."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    wall_s: dict[str, float] = field(default_factory=dict)
    peak_mib: float = 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what the block does."""
        cpu, wall = time.process_time(), time.perf_counter()
        yield
        self.cpu_s[name] = time.process_time() - cpu
        self.wall_s[name] = time.perf_counter() - wall


@dataclass(frozen=True, slots=True)
class Work:
    """What a cell is given: the model, its float graph, the samples' file."""

    model: BenchModel
    tflite: Path
    samples: Path
    count: int

    def feeds(self) -> Iterator[dict[str, Any]]:
        """The samples one by one, by input name; read from the file, so that they cost no memory."""
        meta = json.loads(self.samples.with_suffix(".json").read_text())
        size = int(np.prod(meta["shape"])) * 4
        for place in range(self.count):
            array = np.fromfile(self.samples, np.float32, size // 4, offset=place * size)
            yield {meta["name"]: array.reshape(meta["shape"])}


def cell_prepare(work: Work, phases: Phases) -> None:
    """Convert to float once, for the cells that start from a .tflite, and write the samples."""
    from edgekit.runtime.litert import LiteRT

    data = _converter(load_keras(work.model)).convert()
    work.tflite.write_bytes(data)
    (port,) = LiteRT(data).inputs
    rng = np.random.default_rng(0)
    with work.samples.open("wb") as file:
        for _ in range(work.count):
            rng.uniform(-1, 1, port.shape).astype(np.float32).tofile(file)
    work.samples.with_suffix(".json").write_text(json.dumps({"name": port.name, "shape": port.shape}))


def cell_converter(work: Work, phases: Phases) -> None:
    """The TensorFlow Lite converter: float, then full-integer with the samples as representative dataset."""
    import tensorflow as tf

    model = load_keras(work.model)
    with phases.phase("float"):
        _converter(model).convert()
    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([next(iter(feed.values()))] for feed in work.feeds())
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    with phases.phase("int8"):
        converter.convert()
    for times in (phases.cpu_s, phases.wall_s):
        times["calibrate+quantize"] = times["int8"] - times["float"]


def cell_library(work: Work, phases: Phases) -> None:
    """litert-quantizer by itself, as its documentation uses it."""
    from litert_quantizer import quantizer, recipe

    engine = quantizer.Quantizer(str(work.tflite), recipe.static_wi8_ai8())
    with phases.phase("calibrate"):
        found = engine.calibrate({"serving_default": list(work.feeds())})
    with phases.phase("quantize"):
        engine.quantize(found, enable_progress_report=False)


def cell_edgekit(work: Work, phases: Phases) -> None:
    """edgekit's step."""
    from litert_quantizer import quantizer  # noqa: F401 - as for the other cells, loading it is not counted

    from edgekit.compress.calibrate import CalibrateOptions, calibrate
    from edgekit.compress.quantize.step import QUANTIZE
    from edgekit.compress.ranges import Ranges
    from edgekit.compress.step import Setting
    from edgekit.graph.codec import read, write
    from edgekit.graph.model import Model

    def ranges(model: Model, how: CalibrateOptions) -> Ranges:
        with phases.phase("calibrate"):
            return calibrate(model, work.feeds(), how)

    with phases.phase("read"):
        model = read(work.tflite.read_bytes())
    with phases.phase("all"):
        plan = QUANTIZE.plan(model, QUANTIZE.default_options(), Setting(ranges=ranges))
        write(QUANTIZE.apply(model, plan))
    for times in (phases.cpu_s, phases.wall_s):
        times["quantize"] = times.pop("all") - times["calibrate"]


def cell_plain(work: Work, phases: Phases) -> None:
    """Plain inference over the same samples, one thread."""
    from edgekit.runtime.litert import LiteRT

    model = LiteRT(work.tflite.read_bytes())
    with phases.phase("run"):
        for feed in work.feeds():
            model.run(feed)


CELLS: dict[str, Callable[[Work, Phases], None]] = {
    "prepare": cell_prepare,
    "converter": cell_converter,
    "library": cell_library,
    "edgekit": cell_edgekit,
    "plain": cell_plain,
}


def _converter(model: Any) -> Any:
    """A converter of the model with a batch of one."""
    import keras
    import tensorflow as tf

    entry = keras.Input(batch_shape=(1, *model.inputs[0].shape[1:]), name="entry")
    return tf.lite.TFLiteConverter.from_keras_model(keras.Model(entry, model(entry)))


def run_cell(name: str, work: Work) -> Phases:
    """Run a cell in this process."""
    phases = Phases()
    CELLS[name](work, phases)
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    phases.peak_mib = int(peak.split()[1]) / 1024
    return phases


def spawn(name: str, model: BenchModel, folder: Path, samples: int) -> Phases:
    """Run a cell in a child process."""
    argv = [sys.executable, __file__, "--cell", name, "--models", model.name, "--samples", str(samples)]
    result = folder / f"{name}.result.json"
    env = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [*argv, "--folder", str(folder), "--json", str(result)], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{model.name} {name} failed:\n{done.stderr[-2000:]}")
    return Phases(**json.loads(result.read_text()))


def bench(model: BenchModel, samples: int, rounds: int) -> dict[str, Phases]:
    """The best of each cell over interleaved rounds."""
    best: dict[str, Phases] = {}
    with tempfile.TemporaryDirectory() as name:
        spawn("prepare", model, Path(name), samples)
        for _ in range(rounds):
            for cell in ("converter", "library", "edgekit", "plain"):
                now = spawn(cell, model, Path(name), samples)
                best[cell] = _better(best.get(cell), now)
    return best


def _better(old: Phases | None, new: Phases) -> Phases:
    if old is None:
        return new
    least = lambda a, b: {k: min(a[k], b[k]) for k in a}  # noqa: E731
    return Phases(least(old.cpu_s, new.cpu_s), least(old.wall_s, new.wall_s), min(old.peak_mib, new.peak_mib))


def ratios(cells: Mapping[str, Phases]) -> dict[str, float]:
    """How many times edgekit's calibration and quantization goes into the others', in CPU and wall time and memory."""
    ours, library = cells["edgekit"], cells["library"]

    def total(times: Mapping[str, float]) -> float:
        return times["calibrate"] + times["quantize"]

    converter = cells["converter"]
    return {
        "converter_cpu": converter.cpu_s["calibrate+quantize"] / total(ours.cpu_s),
        "converter_wall": converter.wall_s["calibrate+quantize"] / total(ours.wall_s),
        "library_cpu": total(library.cpu_s) / total(ours.cpu_s),
        "library_wall": total(library.wall_s) / total(ours.wall_s),
        "calibrate_to_plain_cpu": ours.cpu_s["calibrate"] / cells["plain"].cpu_s["run"],
        "calibrate_to_plain_wall": ours.wall_s["calibrate"] / cells["plain"].wall_s["run"],
        "converter_memory": converter.peak_mib / ours.peak_mib,
        "library_memory": library.peak_mib / ours.peak_mib,
    }


def show(name: str, cells: Mapping[str, Phases], found: Mapping[str, float]) -> None:
    """The table of one model."""
    print(f"\n{name}")
    print(f"  {'':<10} {'phase':<20} {'CPU s':>9} {'wall s':>9} {'peak MiB':>9}")
    for cell, phases in cells.items():
        for place, phase in enumerate(phases.cpu_s):
            peak = f"{phases.peak_mib:9.0f}" if place == 0 else ""
            print(f"  {cell if place == 0 else '':<10} {phase:<20} {phases.cpu_s[phase]:9.3f} "
                  f"{phases.wall_s[phase]:9.3f} {peak}")  # fmt: skip
    print(f"  {found['converter_cpu']:.1f}x faster than the converter (wall {found['converter_wall']:.1f}x), "
          f"{found['library_cpu']:.1f}x faster than the library (wall {found['library_wall']:.1f}x)")  # fmt: skip
    print(f"  calibration costs {found['calibrate_to_plain_cpu']:.2f}x plain inference "
          f"(wall {found['calibrate_to_plain_wall']:.2f}x)")  # fmt: skip
    print(f"  memory: 1/{found['converter_memory']:.1f} of the converter's, 1/{found['library_memory']:.1f} of the "
          "library's")  # fmt: skip


def targets_row() -> dict[str, float] | None:
    """Building for ten targets against one: measured by the pipeline's own bench, when there is one."""
    return None


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(m.name for m in MODELS))
    parser.add_argument("--samples", type=int, help="instead of each model's own number")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cell", choices=list(CELLS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    chosen = [m for m in MODELS if m.name in args.models.split(",")]
    if args.cell:
        work = Work(chosen[0], args.folder / "float.tflite", args.folder / "samples.f32", args.samples)
        phases = run_cell(args.cell, work)
        args.json.write_text(json.dumps({"cpu_s": phases.cpu_s, "wall_s": phases.wall_s, "peak_mib": phases.peak_mib}))
        return
    results = {}
    for model in chosen:
        if not model.available:
            print(f"\n{model.name}: {model.file} is not here")
            continue
        cells = bench(model, args.samples or model.samples, args.rounds)
        found = ratios(cells)
        show(model.name, cells, found)
        plain = {c: {"cpu_s": p.cpu_s, "wall_s": p.wall_s, "peak_mib": p.peak_mib} for c, p in cells.items()}
        results[model.name] = {"samples": args.samples or model.samples, "cells": plain, "ratios": found}
    if row := targets_row():
        results["targets"] = row
    if args.json:
        args.json.write_text(json.dumps({"schema": 1, "models": results}, indent=2))


if __name__ == "__main__":
    main()
