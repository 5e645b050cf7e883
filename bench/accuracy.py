"""Accuracy after int8: edgekit, the TensorFlow Lite converter and the quantizer library alone, on the same samples.

Usage: python -m bench.accuracy [CASE …] [--set quantize.calibration.method=minmax] [--json FILE]

Each row: the metric of the float model and of the three results on evaluation samples that no step has seen, their
bytes, and the paired difference of edgekit's result to the others with its 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.cases import CASES, Case
from edgekit.core.cache import Cache, default_cache_folder
from edgekit.core.progress import Silent
from edgekit.data.dataset import open_dataset
from edgekit.data.feed import Binding, bind
from edgekit.job import BuildRequest, Workshop, model_inputs
from edgekit.pipeline import build, import_stage
from edgekit.targets.load import load_target
from edgekit.verify.evaluate import EvaluateOptions, evaluate
from edgekit.verify.intervals import Estimate
from edgekit.verify.verification import Metric, On, Verification


@dataclass(frozen=True, slots=True)
class Result:
    """One tool's model."""

    value: float
    size_bytes: int
    difference: Estimate | None  # edgekit minus this one, paired; None for edgekit itself


@dataclass(frozen=True, slots=True)
class Row:
    """One model."""

    case: str
    metric: str
    samples: int
    note: str
    float_value: float
    float_bytes: int
    agreement: float | None
    results: dict[str, Result | None]


def main() -> None:
    """Print the table and write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=[case.name for case in CASES])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="STEP.OPTION=VALUE")
    arguments = parser.parse_args()
    rows = []
    print(HEADER)
    for case in CASES:
        if case.name in arguments.cases:
            if not case.path.exists():
                print(f"| {case.name} | skipped: {case.path.name} is not here |")
                continue
            with tempfile.TemporaryDirectory() as folder:
                rows.append(run(case, Path(folder), tuple(arguments.settings)))
            print(markdown(rows[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


def run(case: Case, folder: Path, settings: tuple[str, ...] = ()) -> Row:
    """One model through the three tools."""
    for role, write in (("calibration", case.write_calibration), ("evaluation", case.write_evaluation)):
        (folder / role).mkdir()
        write(folder / role)
    workshop = Workshop(Cache(default_cache_folder()), Silent())
    request = BuildRequest(
        model=case.path, targets=(load_target("raspberry-pi-4"),), output=folder / "out", recipe="int8",
        calibration=folder / "calibration", evaluation=folder / "evaluation", settings=settings,
    )  # fmt: skip
    result = build(request, workshop)[0]
    if result.error is not None:
        raise result.error
    source = import_stage(request, open_dataset(folder / "calibration"), workshop).artifact
    ours = (result.folder / "model.tflite").read_bytes()
    evaluation = bind(open_dataset(folder / "evaluation"), model_inputs(source.model))
    calibration = bind(open_dataset(folder / "calibration"), model_inputs(source.model))
    (folder / "float.tflite").write_bytes(source.data)
    name = next(port.name for port, _ in calibration.pairs)
    np.savez(folder / "samples.npz", x=np.stack([feed.inputs[name][0] for feed in calibration.feeds(200)]))
    against_float = judge(case, source.data, ours, evaluation)
    others = {"tflite_converter": converted(case, folder), "library": alone(folder)}
    results: dict[str, Result | None] = {"edgekit": Result(against_float.result_value.value, len(ours), None)}
    for tool, data in others.items():
        results[tool] = compared(case, data, ours, evaluation, source.data) if data else None
    return Row(
        case.name, against_float.metric.value, against_float.sample_count, case.note, against_float.float_value.value,
        len(source.data), against_float.agreement.value if against_float.agreement else None, results,
    )  # fmt: skip


def judge(case: Case, reference: bytes, result: bytes, evaluation: Binding) -> Verification:
    """`result` against `reference` on the evaluation samples."""
    on = On.CALIBRATION if case.metric == "agreement" else On.EVALUATION
    options = EvaluateOptions(metric=Metric(case.metric), on=on)
    return evaluate(reference, result, evaluation.feeds(), options, Silent())


def compared(case: Case, other: bytes, ours: bytes, evaluation: Binding, reference: bytes) -> Result:
    """The other tool's value, and how far ours is above it."""
    if case.metric == "agreement":
        value = judge(case, reference, other, evaluation).result_value.value
        mine = judge(case, reference, ours, evaluation).result_value.value
        return Result(value, len(other), Estimate(mine - value, float("nan"), float("nan")))
    found = judge(case, other, ours, evaluation)
    return Result(found.float_value.value, len(other), found.difference)


def converted(case: Case, folder: Path) -> bytes | None:
    """The TensorFlow Lite converter's result; None where it cannot take the model."""
    if case.path.suffix not in {".keras", ".h5"}:
        return None
    return _child("bench.tflite_converter", case.path, folder / "samples.npz", folder / "converter.tflite")


def alone(folder: Path) -> bytes | None:
    """The library's result."""
    return _child("bench.quantizer_library", folder / "float.tflite", folder / "samples.npz", folder / "alone.tflite")


def _child(module: str, model: Path, samples: Path, out: Path) -> bytes | None:
    command = [sys.executable, "-m", module, str(model), str(samples), str(out)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"{module} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return out.read_bytes()


HEADER = (
    "| model | samples | metric | float | edgekit | TFLite converter | library alone | edgekit − converter | "
    "edgekit − library | bytes, share of float |\n|---|---:|---|---:|---:|---:|---:|---:|---:|---:|"
)


def markdown(row: Row) -> str:
    """A row as the README shows it."""
    ours, converter, library = (row.results[tool] for tool in ("edgekit", "tflite_converter", "library"))
    assert ours is not None
    share = f"{ours.size_bytes:,} ({100 * ours.size_bytes / row.float_bytes:.1f} %)"
    cells = [row.case, str(row.samples), row.metric, f"{row.float_value:.2f}", f"**{ours.value:.2f}**"]
    cells += [f"{r.value:.2f}" if r else "–" for r in (converter, library)]
    cells += [_difference(r) for r in (converter, library)] + [share]
    return "| " + " | ".join(cells) + " |"


def _difference(result: Result | None) -> str:
    if result is None or result.difference is None:
        return "–"
    d = result.difference
    return f"{d.value:+.2f}" if np.isnan(d.low) else f"{d.value:+.2f} [{d.low:+.2f}, {d.high:+.2f}]"


if __name__ == "__main__":
    main()
