"""What is in raspberry_pi/: the unit starts the real service, the script calls the command, a wrong file is one sentence."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgekit.service.pack import pack_service
from tests.unit.deploy.board_folder import BoardFolder, bundle, named, release, until

FOLDER = Path(__file__).resolve().parents[3] / "raspberry_pi"


def _words(board: BoardFolder, key: str) -> list[str]:
    """A command of the unit, as systemd reads it: %h is the home, $$ a dollar, a leading dash forgives."""
    lines = (FOLDER / "edgekit.service").read_text().splitlines()
    (line,) = [text.partition("=")[2] for text in lines if text.startswith(f"{key}=")]
    return shlex.split(line.removeprefix("-").replace("%h", str(board.home)).replace("$$", "$"))


@contextlib.contextmanager
def _started(board: BoardFolder) -> Iterator[None]:
    """The unit's commands, with this Python where the board's environment for models would be."""
    venv = board.home / ".local/share/edgekit/venv/bin"
    venv.mkdir(parents=True, exist_ok=True)
    (venv / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (venv / "python").chmod(0o755)
    subprocess.run(_words(board, "ExecStartPre"), env=board.environment(), check=True, timeout=60)
    process = subprocess.Popen(_words(board, "ExecStart"), env=board.environment(), start_new_session=True)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def test_the_unit_serves_what_was_deployed(board: BoardFolder) -> None:
    program = pack_service()
    board.deploy(release("first", program)).good()
    with _started(board):
        until(lambda: board.status()["service"] == "healthy")
        assert board.deploy(release("second", program)).good()["health"] == "healthy"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "edgekit.service", tmp_path)
    words = ["systemd-analyze", "verify", "--user", "--man=no", str(tmp_path / "edgekit.service")]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    if "Failed to" in done.stderr:
        pytest.skip(f"systemd-analyze does not work here: {done.stderr.strip()[:200]}")
    assert (done.returncode, done.stderr) == (0, "")


def _script(*words: object, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home)}
    command = [sys.executable, str(FOLDER / "deploy.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, env=environment)


def test_the_script_deploys_what_the_file_says(board: BoardFolder, tmp_path: Path) -> None:
    bundle(tmp_path / "b", named("first"))
    (tmp_path / "fleet.toml").write_text('bundle = "b"\nboards = ["local"]\n')
    done = _script(tmp_path / "fleet.toml", "--", "--no-check", "--no-service", home=board.home)
    assert (done.returncode, "deployed" in done.stdout) == (0, True), done.stderr
    done = _script(tmp_path / "fleet.toml", "--status", home=board.home)
    assert (done.returncode, "first" in done.stdout) == (0, True), done.stderr
    done = _script(tmp_path / "fleet.toml", "--rollback", home=board.home)
    assert (done.returncode, "no previous release" in done.stderr) == (5, True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "are needed"),
        ("boards = [", "cannot read"),
        ('bundle = "b"\nboards = ["local"]\ncolour = 1\n', "'colour' is unknown"),
        ('bundle = "b"\nboards = "local"\n', "'boards' is unknown or of another type"),
        ('bundle = "b"\nboards = ["local"]\ncanary = true\n', "'canary' is unknown or of another type"),
        ('bundle = "b"\nboards = ["ssh:-oProxyCommand=x@host"]\n', "is not a device"),
        ('bundle = "b"\nboards = ["adb:phone"]\n', "Linux boards"),
    ],
)
def test_a_wrong_fleet_file_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "fleet.toml").write_text(text)
    done = _script(tmp_path / "fleet.toml", home=tmp_path)
    assert (done.returncode, words in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_the_example_is_a_fleet_file(tmp_path: Path) -> None:
    done = _script(FOLDER / "fleet.toml", home=tmp_path)
    assert (done.returncode, "there is no bundle" in done.stderr) == (2, True), done.stderr
