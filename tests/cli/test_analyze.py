"""`edgekit analyze` as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit.compress.analysis.analysis import Analysis
from edgekit.core.resources import data_folder
from tests.cli.run import edgekit, said

DIGITS = Path(__file__).resolve().parents[2] / "edgekit" / "demo" / "digits.tflite"
CALIBRATION = data_folder("calibration_data") / "digits"
ARGUMENTS = ("analyze", DIGITS, "-t", "raspberry-pi-4", "--calibration", CALIBRATION, "--samples", 8)


@pytest.mark.parametrize("where", ["out", "page.html"])
def test_a_table_a_page_and_numbers(tmp_path: Path, where: str) -> None:
    numbers = tmp_path / "a.json"
    done = edgekit(*ARGUMENTS, "-o", tmp_path / where, "--json", numbers, cache=tmp_path / "cache")
    assert done.returncode == 0, said(done)
    assert "hurts most as int8" in done.stdout
    assert "digits.tflite on raspberry-pi-4" in done.stdout
    page = tmp_path / where if where.endswith(".html") else tmp_path / where / "analysis.html"
    assert "<svg" in page.read_text()
    assert str(page) in said(done)
    written = json.loads(numbers.read_text())
    found = Analysis.from_json(written["results"])
    assert written["schema"] == 1
    assert found.samples == 8 and found.target == "raspberry-pi-4" and len(found.layers) > 1


def test_numbers_on_standard_output_are_all_that_is_there(tmp_path: Path) -> None:
    done = edgekit(*ARGUMENTS, "--json", "-", cache=tmp_path / "cache")
    assert Analysis.from_json(json.loads(done.stdout)["results"]).layers


def test_a_quantized_model_is_one_sentence(tmp_path: Path) -> None:
    built = edgekit("build", DIGITS, "-t", "raspberry-pi-4", "--calibration", CALIBRATION, "--recipe", "int8",
                    "-o", tmp_path / "out", cache=tmp_path / "cache")  # fmt: skip
    assert built.returncode == 0, said(built)
    done = edgekit("analyze", tmp_path / "out" / "raspberry-pi-4", "-t", "raspberry-pi-4",
                   "--calibration", CALIBRATION, cache=tmp_path / "cache")  # fmt: skip
    assert done.returncode == 3
    assert "quantized already" in said(done) and "float model" in said(done)
    assert "Traceback" not in said(done)


def test_an_unknown_target_names_the_known_ones(tmp_path: Path) -> None:
    done = edgekit("analyze", DIGITS, "-t", "raspberry-pi-44", "--calibration", CALIBRATION, cache=tmp_path)
    assert done.returncode == 2
    assert "raspberry-pi-44" in said(done) and "raspberry-pi-4," in said(done)


def test_no_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "none.npz", x=np.zeros((0, 8, 8, 1), np.float32))
    done = edgekit("analyze", DIGITS, "--calibration", tmp_path / "none.npz", cache=tmp_path)
    assert done.returncode == 2
    assert "no samples" in said(done)


def test_calibration_is_needed(tmp_path: Path) -> None:
    done = edgekit("analyze", DIGITS, cache=tmp_path)
    assert done.returncode == 2
    assert "--calibration" in said(done)


def test_the_same_analysis_is_kept(tmp_path: Path) -> None:
    first = edgekit(*ARGUMENTS, "--choices", "int8,prune 50 %", cache=tmp_path / "cache")
    assert first.returncode == 0, said(first)
    assert " int4" not in first.stdout
    (kept,) = (tmp_path / "cache" / "analysis").iterdir()
    made = (kept / "analysis.json").stat().st_mtime_ns
    again = edgekit(*ARGUMENTS, "--choices", "int8,prune 50 %", cache=tmp_path / "cache")
    assert again.stdout == first.stdout
    assert (kept / "analysis.json").stat().st_mtime_ns == made


def test_a_wrong_choice_names_the_right_ones(tmp_path: Path) -> None:
    done = edgekit(*ARGUMENTS, "--choices", "int9", cache=tmp_path)
    assert done.returncode == 2
    assert "int9" in said(done) and "int16x8" in said(done)


def test_a_wrong_importance_names_the_right_ones(tmp_path: Path) -> None:
    done = edgekit(*ARGUMENTS, "--importance", "luck", cache=tmp_path)
    assert done.returncode == 2
    assert "energy" in said(done)
