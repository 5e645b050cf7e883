"""The wheel holds all that the program needs at run time."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is in a wheel built from the files that git knows."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in listed:
        if (ROOT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "source" / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "source"]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_every_module_and_data_file_is_in_the_wheel(names: set[str]) -> None:
    wanted = {p.relative_to(ROOT).as_posix() for p in (ROOT / "edgekit").rglob("*") if p.is_file()}
    missing = {name for name in wanted if "__pycache__" not in name} - names
    assert missing == set()


@pytest.mark.parametrize("folder", ["targets", "calibration_data"])
def test_the_data_folders_are_in_the_wheel(names: set[str], folder: str) -> None:
    wanted = {f"edgekit_{p.relative_to(ROOT).as_posix()}" for p in (ROOT / folder).rglob("*") if p.is_file()}
    assert wanted
    assert wanted - names == set()
