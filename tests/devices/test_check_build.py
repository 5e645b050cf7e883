"""One command builds for a phone, a Pi and a Pi of 32 bits, and checks each bundle on the one that it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edgekit
from edgekit.bundle.read import read_manifest
from edgekit.core.resources import data_folder
from edgekit.lab.board import Board
from edgekit.lab.phone import Phone
from tests.cli.run import edgekit as run
from tests.cli.run import said

MODEL = Path(edgekit.__file__).parent / "demo" / "digits.tflite"
TARGETS = ("pixel-8", "raspberry-pi-5", "raspberry-pi-zero-2w-32bit")


def samples() -> tuple[object, ...]:
    return ("--calibration", data_folder("calibration_data") / "digits", "--recipe", "int8")


def both(pi: Board, pi32: Board, folder: Path) -> str:
    """One configuration for ssh that knows both boards."""
    path = folder / "ssh_config"
    path.write_text(f"Include {pi.ssh_config}\nInclude {pi32.ssh_config}\n")
    return str(path)


def test_three_devices_in_one_command(
    phone: Phone, pi: Board, pi32: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEKIT_SSH_CONFIG", both(pi, pi32, tmp_path))
    uris = (phone.uri, pi.uri, pi32.uri)
    devices = [word for uri in uris for word in ("--device", uri)]
    evaluation = ("--evaluation", data_folder("calibration_data") / "digits-test", "--evaluation-limit", "40")
    budget = ("--budget", "accuracy_drop=50")
    out = ("-o", tmp_path / "out", "--json", tmp_path / "out.json", *evaluation, *budget)
    done = run("build", MODEL, "-t", ",".join(TARGETS), *samples(), *devices, *out, cache=tmp_path, timeout_s=400)
    assert done.returncode == 0, done.stderr
    for target, uri in zip(TARGETS, uris, strict=True):
        (measurement,) = read_manifest(tmp_path / "out" / target).measurements
        assert (measurement["device"], measurement["target"]) == (uri, target)
        assert measurement["parity"]["passed"]
        assert measurement["conditions"]["emulated"]
        assert (measurement["task"]["metric"], measurement["task"]["sample_count"]) == ("top1", 40)
    assert sum(line.startswith("done ") for line in said(done).splitlines()) == 3
    reports = json.loads((tmp_path / "out.json").read_text())["results"]
    latencies = [gate for report in reports for gate in report["gates"] if gate["key"] == "latency_p90_ms"]
    assert [gate["verdict"] for gate in latencies] == ["not judged"] * 3
    drops = [gate for report in reports for gate in report["gates"] if gate["key"] == "accuracy_drop"]
    assert [(gate["verdict"], gate["note"]) for gate in drops] == [("pass", f"measured on {uri}") for uri in uris]
    assert (tmp_path / "out" / "index.html").is_file()


def test_a_board_that_fails_leaves_every_bundle(board: Board, tmp_path: Path) -> None:
    """A device whose target is named is not asked what it is, so that it fails when it is to measure."""
    devices = ("--device", f"raspberry-pi-5={board.uri}", "--device", "raspberry-pi-4=ssh:pi@127.0.0.1:1")
    out = ("-o", tmp_path / "out")
    done = run("build", MODEL, "-t", "raspberry-pi-5,raspberry-pi-4", *devices, *samples(), *out, cache=tmp_path)
    assert done.returncode == 5, done.stderr
    lines = said(done).splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["failed", "done"]
    assert lines[2].startswith("error: ssh:pi@127.0.0.1:1 cannot be reached")
    assert len(read_manifest(tmp_path / "out" / "raspberry-pi-5").measurements) == 1
    assert read_manifest(tmp_path / "out" / "raspberry-pi-4").measurements == ()


def test_a_device_that_fits_nothing_is_refused_before_anything_is_built(tmp_path: Path) -> None:
    out = ("-o", tmp_path / "out", "--device", "ssh:pi@nowhere")
    done = run("build", MODEL, "-t", "pixel-8", *samples(), *out, cache=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "fits none of the targets" in said(done)
    assert not (tmp_path / "out").exists()
