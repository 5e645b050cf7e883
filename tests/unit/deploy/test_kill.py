"""SIGKILL before every single change that the agent makes: what is current is whole, and the next deployment succeeds."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgekit.deploy.agent.protocol import MARK, Step
from tests.unit.deploy.board_folder import BoardFolder, Reply, release, serving, until

A, B, C = release("first"), release("second"), release("third")
MOST = 400


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A board on the second release, with the first one as its previous; the third is staged in `staged`."""
    made = BoardFolder()
    folder = tmp_path_factory.mktemp("saved")
    made.deploy(A).good()
    made.deploy(B).good()
    shutil.copytree(made.root, folder / "before", symlinks=True)
    made.stage(C).good()
    shutil.copytree(made.root, folder / "staged", symlinks=True)
    made.remove()
    yield folder


def _each_kill(
    board: BoardFolder, start: Path, run: Callable[[int], Reply], after: Callable[[], None], stride: int = 1
) -> int:
    """Run with a kill before the 1st, 2nd, ... change, and `after` after each; how many changes there are."""
    for number in range(1, MOST, stride):
        board.copy_from(start)
        reply = run(number)
        after()
        if reply.result is not None:
            return number - 1
        assert not reply.error, reply.error
    raise AssertionError(f"more than {MOST} changes")


def test_at_every_change_while_staging(board: BoardFolder, saved: Path) -> None:
    def after() -> None:
        assert (board.linked(), board.linked("previous")) == (B.name, A.name)
        board.stage(C).good()
        assert [p.name for p in (board.root / "staging").iterdir()] == [C.name]

    assert _each_kill(board, saved / "before", lambda n: board.stage(C, kill_at=n), after) > 8


def test_at_every_change_while_switching(board: BoardFolder, saved: Path) -> None:
    seen: set[str] = set()

    def after() -> None:
        seen.add(board.linked())
        assert board.linked() in (B.name, C.name)
        assert board.linked("previous") in (A.name, B.name)
        assert board.status()["current"]["whole"]
        board.deploy(C).good()
        assert (board.linked(), board.linked("previous"), board.leftovers()) == (C.name, B.name, [])

    assert _each_kill(board, saved / "staged", lambda n: board.activate(C, kill_at=n), after) > 12
    assert seen == {B.name, C.name}, "the kills were before the switch and after it"


def test_at_a_change_and_then_another_release(board: BoardFolder, saved: Path) -> None:
    other = release("another")

    def after() -> None:
        before = board.linked()
        board.deploy(other).good()
        assert (board.linked(), board.linked("previous"), board.leftovers()) == (other.name, before, [])

    assert _each_kill(board, saved / "staged", lambda n: board.activate(C, kill_at=n), after, stride=3) > 12


def test_at_every_change_while_rolling_back(board: BoardFolder, saved: Path) -> None:
    def after() -> None:
        assert board.linked() in (A.name, B.name)
        board.deploy(C).good()
        assert (board.linked(), board.leftovers()) == (C.name, [])

    assert _each_kill(board, saved / "before", lambda n: board.rollback(kill_at=n), after) > 4


def test_at_every_change_of_the_cleaning_up_itself(board: BoardFolder, saved: Path, tmp_path: Path) -> None:
    """A board that was killed after its switch is killed again while it settles that."""
    _torn(board, saved / "staged")
    assert board.status()["unconfirmed"]
    shutil.copytree(board.root, tmp_path / "torn", symlinks=True)

    def after() -> None:
        assert (board.linked(), board.status()["current"]["whole"]) == (C.name, True)
        board.deploy(A).good()
        assert (board.linked(), board.linked("previous"), board.leftovers()) == (A.name, C.name, [])

    assert _each_kill(board, tmp_path / "torn", lambda n: board.stage(A, kill_at=n), after, stride=2) > 12


def test_the_first_deployment_of_a_board(board: BoardFolder, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    steps = [lambda n: board.stage(A, kill_at=n), lambda n: _staged(board).activate(A, kill_at=n)]

    def after() -> None:
        assert board.linked() in ("", A.name)
        board.deploy(A).good()
        assert (board.linked(), board.linked("previous"), board.leftovers()) == (A.name, "", [])

    for run in steps:
        assert _each_kill(board, tmp_path / "empty", run, after, stride=2) > 8


def _staged(board: BoardFolder) -> BoardFolder:
    board.stage(A).good()
    return board


@pytest.mark.parametrize("step", [Step.RECOVER, Step.SWITCH, Step.HEALTH, Step.PRUNE])
def test_a_lost_connection_does_not_stop_a_switch(board: BoardFolder, saved: Path, step: Step) -> None:
    """The process that the connection holds is killed at each step: the board comes to a confirmed end by itself."""
    board.copy_from(saved / "staged")
    with serving(board):
        command = board.command("activate", {"name": C.name, "at": "then", "health_s": 20})
        process = subprocess.Popen(
            command,
            cwd=board.uploads,
            env=board.environment(),
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(MARK) and f'"{step.value}"' in line:
                break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
        until(lambda: board.linked() == C.name and not board.status()["unconfirmed"])
        until(lambda: board.leftovers() == [])
        assert board.linked("previous") == B.name


def _torn(board: BoardFolder, saved: Path) -> None:
    """A board that was killed after its switch and before it was confirmed."""
    for number in range(1, MOST):
        board.copy_from(saved)
        board.activate(C, kill_at=number)
        if board.linked() == C.name:
            return


def test_a_board_that_starts_again_leaves_what_was_not_proved(board: BoardFolder, saved: Path) -> None:
    _torn(board, saved / "staged")
    with (board.root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another deployment" in board.boot().error, "a deployment restarts the service, too"
    assert board.linked() == C.name
    assert board.boot().good() == {"left": C.name}
    assert (board.linked(), board.linked("previous")) == (B.name, A.name)
    assert "before it had proved healthy" in board.status()["last_error"]
    assert board.boot().good() == {}
    board.deploy(C).good()
    assert (board.linked(), board.linked("previous"), board.leftovers()) == (C.name, B.name, [])
    assert board.boot().good() == {}


def test_a_rollback_that_was_cut_off_stands_after_a_start(board: BoardFolder, saved: Path) -> None:
    for number in range(1, MOST):
        board.copy_from(saved / "before")
        board.rollback(kill_at=number)
        if board.linked() == A.name:
            break
    assert board.boot().good() == {}
    assert board.linked() == A.name
