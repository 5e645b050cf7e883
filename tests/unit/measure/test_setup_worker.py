"""The worker that makes an environment on a board, where it is not a matter of pip."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.measure import setup_worker


def venvs(home: Path, *names: str) -> list[Path]:
    """Environments, the oldest first."""
    folders = [home / "venvs" / name for name in names]
    for age, folder in enumerate(folders):
        folder.mkdir(parents=True)
        (folder / "ready.json").write_text("{}")
        os.utime(folder, (1000 + age, 1000 + age))
    return folders


def test_the_link_is_switched_by_a_rename_and_only_where_it_must_be(tmp_path: Path) -> None:
    one, two = venvs(tmp_path, "one", "two")
    assert setup_worker.switch(tmp_path, one)
    assert not setup_worker.switch(tmp_path, one)
    assert setup_worker.switch(tmp_path, two)
    assert (tmp_path / "venv").resolve() == two


def test_a_switch_that_was_interrupted_is_done_again(tmp_path: Path) -> None:
    one, two = venvs(tmp_path, "one", "two")
    setup_worker.switch(tmp_path, one)
    (tmp_path / "venv.new").symlink_to("venvs/two")
    assert setup_worker.switch(tmp_path, two)
    assert (tmp_path / "venv").resolve() == two
    assert not (tmp_path / "venv.new").is_symlink()


def test_a_folder_in_the_links_place_is_moved_aside(tmp_path: Path) -> None:
    (one,) = venvs(tmp_path, "one")
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    assert setup_worker.switch(tmp_path, one)
    assert (tmp_path / "venv").is_symlink()
    (aside,) = tmp_path.glob("venv.old-*")
    assert (aside / "bin").is_dir()


def test_the_environment_before_the_current_one_stays(tmp_path: Path) -> None:
    one, two, three = venvs(tmp_path, "one", "two", "three")
    setup_worker.clear_old(tmp_path, one)
    assert (one.exists(), two.exists(), three.exists()) == (True, False, True)


def test_two_setups_at_once(tmp_path: Path) -> None:
    home = tmp_path / ".local/share/edgekit"
    home.mkdir(parents=True)
    (tmp_path / "request.json").write_text(json.dumps({}))
    with (home / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, setup_worker.__file__, tmp_path / "request.json"],
            env={**os.environ, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "error: another setup is at work on this board\n")


def test_a_program_that_fails_is_its_last_line() -> None:
    with pytest.raises(setup_worker.SetupError, match="^cannot make coffee: no beans$"):
        setup_worker.run([sys.executable, "-c", "print('x'); print('no beans'); raise SystemExit(3)"], "make coffee")
