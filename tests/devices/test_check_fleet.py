"""`edgekit check` and `profile` on this machine and a board at once, as a person runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.bundle.read import read_manifest
from edgekit.bundle.write import write_bundle
from edgekit.lab.board import Board
from tests.cli.run import edgekit, said
from tests.unit.bundle.content import content

GONE = "ssh:pi@127.0.0.1:1"
QUICK = ("--runs", 30, "--warmup", 3)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle", content())
    return tmp_path / "bundle"


def measured_on(bundle: Path) -> set[object]:
    return {measurement["device"] for measurement in read_manifest(bundle).measurements}


def test_two_devices_at_once(bundle: Path, board: Board, tmp_path: Path) -> None:
    devices = ("--device", "local", "--device", board.uri)
    done = edgekit("check", bundle, *devices, *QUICK, "--json", tmp_path / "out.json", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert measured_on(bundle) == {"local", board.uri}
    lines = said(done).splitlines()
    assert len(lines) == 2
    assert all(line.startswith("done ") and "parity kept" in line for line in lines)
    here, there = json.loads((tmp_path / "out.json").read_text())["results"]
    assert (here["device"], there["device"]) == ("local", board.uri)
    assert here["measurement"]["parity"]["passed"] and there["measurement"]["parity"]["passed"]
    assert [gate["verdict"] for gate in here["gates"]] == ["pass"]
    assert [gate["verdict"] for gate in there["gates"]] == ["not judged"]  # the board is emulated
    assert there["measurement"]["conditions"]["emulated"].startswith("emulated: ")


def test_a_device_that_fails_stops_nobody(bundle: Path, board: Board, tmp_path: Path) -> None:
    devices = ("--device", GONE, "--device", board.uri, "--device", "local")
    done = edgekit("check", bundle, *devices, *QUICK, "--budget", "model_kib=0.001", cache=tmp_path)
    assert done.returncode == 5, done.stderr
    assert measured_on(bundle) == {"local", board.uri}
    assert sum(line.startswith("failed ") for line in said(done).splitlines()) == 1
    assert f"1 of 3 devices failed: {GONE}" in said(done)


def test_a_broken_gate_is_the_exit_code_where_no_device_failed(bundle: Path, board: Board, tmp_path: Path) -> None:
    devices = ("--device", "local", "--device", board.uri)
    done = edgekit("check", bundle, *devices, *QUICK, "--budget", "model_kib=0.001", cache=tmp_path)
    assert done.returncode == 4, done.stderr
    assert "model_kib is" in said(done)


def test_emulated_times_break_a_limit_only_when_they_are_accepted(bundle: Path, board: Board, tmp_path: Path) -> None:
    limit = ("--device", board.uri, *QUICK, "--budget", "latency_p90_ms=0.000001")
    assert edgekit("check", bundle, *limit, cache=tmp_path).returncode == 0
    assert edgekit("check", bundle, *limit, "--accept-emulated", cache=tmp_path).returncode == 4


def test_profile_of_two_devices(bundle: Path, board: Board, tmp_path: Path) -> None:
    devices = ("--device", "local", "--device", board.uri)
    done = edgekit("profile", bundle, *devices, "--json", "-", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["device"] for row in json.loads(done.stdout)["results"]] == ["local", board.uri]
    assert not measured_on(bundle)


def test_two_bundles_against_each_other_on_two_devices(bundle: Path, board: Board, tmp_path: Path) -> None:
    write_bundle(tmp_path / "other", content())
    devices = ("--device", "local", "--device", board.uri)
    done = edgekit("check", bundle, "--against", tmp_path / "other", *devices, "--json", "-", cache=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["results"]
    assert [row["versus"]["device"] for row in found] == ["local", board.uri]
    assert all(row["versus"]["ratio"] > 0 for row in found)


def test_ctrl_c_keeps_what_is_finished_and_leaves_nothing_running(bundle: Path, board: Board, tmp_path: Path) -> None:
    """The board is asked for more runs than it can do; the other device fails at once, so all have begun by then."""
    command = [sys.executable, "-m", "edgekit", "check", bundle, "--device", GONE, "--device", board.uri]
    running = subprocess.Popen(
        [*command, "--runs", "100000000", "--warmup", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "EDGEKIT_CACHE": str(tmp_path)},
        start_new_session=True,
    )
    try:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("failed ")
        wait_until(lambda: workers_of(board), "the worker to run on the board")
        running.send_signal(signal.SIGINT)
        _, rest = running.communicate(timeout=60)
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    assert running.returncode == 130, rest
    assert "interrupted" in rest
    wait_until(lambda: not workers_of(board), "the worker on the board to be gone")
    wait_until(lambda: not list(board.home.glob(".edgekit-session*")), "the session's folder to be gone")


def workers_of(board: Board) -> list[int]:
    """Processes in the board's box that run a worker, by their ids on this machine."""
    found = []
    namespace = Path(f"/proc/{board.box.pid}/ns/pid").readlink()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"worker.py" in words and (entry / "ns" / "pid").readlink() == namespace:
                found.append(int(entry.name))
        except OSError:  # it has ended
            continue
    return found


def wait_until(true: Callable[[], object], what: str, limit_s: float = 60) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, f"waited {limit_s:g} s for {what}"
        time.sleep(0.05)
