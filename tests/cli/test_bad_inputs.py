"""Each wrong input is one clear sentence with the right exit code, and nothing is left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgekit.core.resources import data_folder
from tests.cli.run import edgekit, said

DIGITS = Path(__file__).resolve().parents[2] / "edgekit" / "demo" / "digits.tflite"
CALIBRATION = data_folder("calibration_data") / "digits"
TARGET = ("-t", "raspberry-pi-4")


def build(model: Path, tmp_path: Path, *more: object) -> subprocess.CompletedProcess[str]:
    return edgekit("build", model, *TARGET, "-o", tmp_path / "out", *more, cache=tmp_path / "cache")


def assert_refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    text = said(done)
    assert done.returncode == code, text
    assert "Traceback" not in text
    assert len(text.splitlines()) <= 3, text
    for word in words:
        assert word in text, text


def assert_nothing_left(tmp_path: Path) -> None:
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True
    hidden = [p for p in tmp_path.rglob(".*") if "cache" not in p.parts]
    assert hidden == []


SUFFIXES = (".tflite", ".keras", ".h5", ".onnx", ".pt2")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_file(tmp_path: Path, suffix: str) -> None:
    model = tmp_path / f"model{suffix}"
    model.write_bytes(b"")
    assert_refused(build(model, tmp_path, "--calibration", CALIBRATION), 3, "empty")
    assert_nothing_left(tmp_path)


def test_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_text("not a model at all, but long enough to look like something")
    assert_refused(build(tmp_path / "model.tflite", tmp_path), 3, "model.tflite")


def test_a_truncated_tflite(tmp_path: Path) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(DIGITS.read_bytes()[: DIGITS.stat().st_size // 2])
    assert_refused(build(model, tmp_path, "--calibration", CALIBRATION), 3)
    assert_nothing_left(tmp_path)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert_refused(build(tmp_path / "model", tmp_path), 3, str(tmp_path / "model"))


def test_a_missing_file(tmp_path: Path) -> None:
    assert_refused(build(tmp_path / "nothing.tflite", tmp_path), 2, "nothing.tflite")


def test_an_unknown_target_names_the_known_ones(tmp_path: Path) -> None:
    done = edgekit("build", DIGITS, "-t", "raspberry-pi-44", "-o", tmp_path / "out", cache=tmp_path / "cache")
    assert_refused(done, 2, "raspberry-pi-44", "raspberry-pi-4")


def test_an_unknown_key_in_a_target_file(tmp_path: Path) -> None:
    text = (data_folder("targets") / "raspberry-pi-4.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("title =", "titel = 1\ntitle =", 1))
    assert_refused(edgekit("targets", "check", tmp_path / "mine.toml", cache=tmp_path), 2, "titel", "mine.toml")


def test_int8_without_samples_says_what_to_give(tmp_path: Path) -> None:
    assert_refused(build(DIGITS, tmp_path, "--recipe", "int8"), 2, "calibration")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--recipe", "int9"), "int9"),
        (("--set", "quantize.shceme=int8"), "shceme"),
        (("--set", "quantize.scheme=int9"), "int9"),
        (("--budget", "accuracy_dorp=1"), "accuracy_dorp"),
        (("--budget", "accuracy_drop=much"), "much"),
        (("--device", "ftp:somewhere"), "ftp:somewhere"),
        (("--input-shape", "x=1,two"), "two"),
        (("--importer", "caffe"), "caffe"),
    ],
)
def test_a_wrong_option(tmp_path: Path, arguments: tuple[str, str], word: str) -> None:
    assert_refused(build(DIGITS, tmp_path, "--calibration", CALIBRATION, *arguments), 2, word)
    assert_nothing_left(tmp_path)


def datasets() -> dict[str, np.ndarray]:
    nan = np.zeros((4, 8, 8, 1), np.float32)
    nan[2, 3, 3, 0] = np.nan
    return {
        "shape": np.zeros((4, 9, 8, 1), np.float32),
        "dtype": np.full((4, 8, 8, 1), "a"),
        "NaN": nan,
        "no samples": np.zeros((0, 8, 8, 1), np.float32),
    }


@pytest.mark.parametrize("what", sorted(datasets()))
def test_a_wrong_dataset(tmp_path: Path, what: str) -> None:
    np.savez(tmp_path / "samples.npz", x=datasets()[what])
    assert_refused(build(DIGITS, tmp_path, "--calibration", tmp_path / "samples.npz"), 2)
    assert_nothing_left(tmp_path)


def test_a_pickle_in_a_dataset(tmp_path: Path) -> None:
    np.savez(tmp_path / "samples.npz", x=np.array([{"a": 1}], dtype=object))
    assert_refused(build(DIGITS, tmp_path, "--calibration", tmp_path / "samples.npz"), 2, "samples.npz")


def test_a_missing_dataset(tmp_path: Path) -> None:
    assert_refused(build(DIGITS, tmp_path, "--calibration", tmp_path / "none.npz"), 2, "none.npz")


def test_an_output_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    assert_refused(build(DIGITS, tmp_path, "--calibration", CALIBRATION), 2, "cannot write")


def test_disk_full_in_mid_write_keeps_the_old_bundle(tmp_path: Path) -> None:
    done = build(DIGITS, tmp_path, "--calibration", CALIBRATION)
    assert done.returncode == 0, said(done)
    before = {p.name: p.read_bytes() for p in (tmp_path / "out" / "raspberry-pi-4").iterdir()}
    # A file-size limit gives the process a "disk" that is full after so many bytes.
    script = (
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        "from edgekit.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", script, "build", DIGITS, *TARGET, "-o", tmp_path / "out"]
    command += ["--calibration", CALIBRATION, "--cache", tmp_path / "cache"]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, timeout=240)
    assert_refused(done, 2, "cannot write")
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "raspberry-pi-4").iterdir()} == before
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["raspberry-pi-4"]


@pytest.mark.parametrize("delay_s", [0.4, 0.8, 1.2, 1.8])
def test_ctrl_c_in_mid_build_leaves_nothing_half_written(tmp_path: Path, delay_s: float) -> None:
    command = [sys.executable, "-m", "edgekit", "build", DIGITS, *TARGET, "--calibration", CALIBRATION]
    command += ["--evaluation", data_folder("calibration_data") / "digits-test"]
    command += ["-o", tmp_path / "out", "--cache", tmp_path / "cache"]
    process = subprocess.Popen([str(c) for c in command], stderr=subprocess.PIPE, text=True)
    time.sleep(delay_s)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=60)
    assert process.returncode in {0, 130}, text
    if process.returncode == 130:
        assert "interrupted" in text
        assert "Traceback" not in text
        assert_nothing_left(tmp_path)
    done = build(DIGITS, tmp_path, "--calibration", CALIBRATION)
    assert done.returncode == 0, said(done)


def test_a_crash_of_the_runtime_is_one_sentence(tmp_path: Path) -> None:
    script = (
        "import os, signal\n"
        "from edgekit.cli.guard import guarded\n"
        "from edgekit.cli.main import exit_code_of\n"
        "def work(progress):\n"
        "    progress.start('calibrate', None)\n"
        "    os.kill(os.getpid(), signal.SIGSEGV)\n"
        "raise SystemExit(exit_code_of(lambda: guarded(work)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert_refused(done, 3, "SIGSEGV", "calibrate")


def mutations(data: bytes, count: int) -> list[bytes]:
    generator = random.Random(7)
    result = []
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(generator.choice((1, 1, 2, 8))):
            changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
        result.append(bytes(changed))
    return result


def test_mutated_models_never_crash_the_command(tmp_path: Path) -> None:
    """The whole command on some; `tests/property` has a thousand for the reader alone."""
    for index, data in enumerate(mutations(DIGITS.read_bytes()[:6000] + DIGITS.read_bytes()[6000:], 12)):
        model = tmp_path / f"{index}.tflite"
        model.write_bytes(data)
        done = build(model, tmp_path, "--calibration", CALIBRATION, "--recipe", "int8")
        assert done.returncode in {0, 2, 3, 4}, said(done)
        assert "Traceback" not in said(done)


def test_json_goes_to_standard_output_alone(tmp_path: Path) -> None:
    done = build(DIGITS, tmp_path, "--calibration", CALIBRATION, "--json", "-")
    assert done.returncode == 0, said(done)
    assert json.loads(done.stdout)["schema"] == 1


def test_a_zip_that_is_no_keras_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    assert_refused(build(tmp_path / "model.keras", tmp_path), 3, "model.keras")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_folder_without_permission(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    assert_refused(build(DIGITS, tmp_path, "--calibration", CALIBRATION), 2, "cannot write")


def test_samples_to_learn_from_are_not_those_that_judge(tmp_path: Path) -> None:
    training, evaluation = ("--training", CALIBRATION), ("--evaluation", CALIBRATION)
    done = build(DIGITS, tmp_path, "--calibration", CALIBRATION, *training, *evaluation)
    assert_refused(done, 2, "the training and the evaluation dataset share 200 samples", "image[0] is")
    learning = tmp_path / "learning.toml"
    learning.write_text('schema = 1\ntitle = "learn"\n[[step]]\nuse = "distill"\n')
    done = build(DIGITS, tmp_path, "--calibration", CALIBRATION, *evaluation, "--recipe", learning)
    assert_refused(done, 2, "the calibration and the evaluation dataset share")
    assert_nothing_left(tmp_path)
