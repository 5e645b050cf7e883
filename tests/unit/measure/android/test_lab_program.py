"""The lab's program behaves as the official one where it is asked for what cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgekit.core import process
from edgekit.core.process import Completed
from edgekit.graph.codec import write
from edgekit.lab import benchmark_model
from edgekit.measure.android_log import flags_of, parse_log
from edgekit.measure.android_result import parse_result
from tests.small_models import two_inputs_model

QUICK = ("--num_runs=5", "--min_secs=0", "--warmup_runs=1", "--warmup_min_secs=0")
INPUTS = ("--input_layer=a::0,b", "--input_layer_shape=1,4:1,4")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.tflite").write_bytes(write(two_inputs_model()))
    np.arange(4, dtype=np.float32).tofile(tmp_path / "a.bin")
    np.full(4, 10, np.float32).tofile(tmp_path / "b.bin")
    return tmp_path


def run(folder: Path, *words: str) -> Completed:
    script = Path(benchmark_model.__file__)
    return process.run([sys.executable, "-I", script, *words], cwd=folder, timeout_s=120)


def test_values_in_and_out_and_the_result_file_agrees_with_the_log(folder: Path) -> None:
    files = "--input_layer_value_files=a::::0:a.bin,b:b.bin"
    names = ("--input_layer=a::0,b", "--input_layer_shape=1,4:1,4")
    done = run(folder, "--graph=m.tflite", *QUICK, *names, files, "--output_filepath=o", "--result_file_path=r")
    assert done.exit_code == 0, done.stderr
    found = np.fromfile(folder / "o", np.float32).reshape(2, 4)
    assert found.tolist() == [[10, 11, 12, 13], [0, 10, 20, 30]]
    log, result = (
        parse_log(f"{done.stdout}\n{done.stderr}", "adb:X"),
        parse_result((folder / "r").read_bytes(), "adb:X"),
    )
    assert log.regular is not None
    assert (log.regular.count, result.misc.num_runs, result.misc.num_warmup_runs) == (5, 5, 1)
    assert result.latency.max_ms == pytest.approx(log.regular.max_us / 1000, rel=1e-6)
    assert log.lab.startswith("edgekit's lab: runs like benchmark_model")
    assert "Tensor # " in done.stdout  # that the names differ is a warning


def test_flags_that_are_not_known_are_named_and_passed_over(folder: Path) -> None:
    done = run(folder, "--graph=m.tflite", "--dry_run_all=1", *QUICK)
    assert done.exit_code == 0
    assert "WARN: Unconsumed cmdline flags: --dry_run_all=1" in done.stdout


def test_help_lists_the_flags(folder: Path) -> None:
    done = run(folder, "--help=true")
    assert done.exit_code == 1
    assert {"graph", "input_layer_value_files", "output_filepath", "num_runs"} <= flags_of(done.stderr)


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        ((), "Please specify the name of your TF Lite input file with --graph", 1),
        (("--graph=none.tflite",), "Failed to load model none.tflite", 1),
        (("--graph=m.tflite", "--num_runs=many"), "Failed to parse flag --num_runs=many", 1),
        (("--graph=m.tflite", "--input_layer=a", "--input_layer_shape=1,4"), "must match --input_layer", 1),
        (("--graph=m.tflite", *INPUTS, "--input_layer_value_files=b"), "Wrong input value file item specified: b", 1),
        (
            ("--graph=m.tflite", *INPUTS, "--input_layer_value_files=b:none"),
            "Failed to read the input_layer_value_file:none",
            -6,
        ),
        (("--graph=m.tflite", *INPUTS, "--input_layer_value_files=b:m.tflite"), "It should be 16 bytes.", -6),
        (
            ("--graph=m.tflite", *INPUTS, "--input_layer_value_files=c:b.bin"),
            "Cannot find the corresponding input_layer",
            -6,
        ),
    ],
)
def test_what_cannot_be(folder: Path, words: tuple[str, ...], said: str, code: int) -> None:
    done = run(folder, *words)
    assert (done.exit_code, said in done.stderr) == (code, True), done.stderr
