"""The real service judges a release: it serves it, or the board goes back."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from edgekit.deploy.agent.protocol import Step
from tests.unit.deploy.board_folder import BoardFolder, release, serving, wrong_release

A, B, BAD = release("first"), release("second"), wrong_release()


def test_a_release_that_the_service_serves(board: BoardFolder) -> None:
    with serving(board):
        assert board.deploy(A).good()["health"] == "healthy"
        assert board.deploy(B).good()["health"] == "healthy"
        assert board.status()["service"] == "healthy"
        assert board.rollback().good()["health"] == "healthy"
    assert board.status()["service"] == "not installed"


def test_a_release_that_the_service_refuses_is_rolled_back(board: BoardFolder) -> None:
    with serving(board):
        board.deploy(A).good()
        board.deploy(B).good()
        reply = board.deploy(BAD)
        assert Step.REVERT in reply.steps
        assert "the service refused it" in reply.error
        assert f"rolled back to {B.name} (healthy)" in reply.error
        assert (board.linked(), board.linked("previous")) == (B.name, A.name), "the last good one stays"
        found = board.status()
        assert (found["service"], found["unconfirmed"]) == ("healthy", False)
        assert BAD.name in found["last_error"]
        board.deploy(A).good()
        assert (board.leftovers(), board.status()["last_error"]) == ([], "")


def test_a_first_release_that_is_refused_leaves_none(board: BoardFolder) -> None:
    with serving(board):
        assert "rolled back to no release" in board.deploy(BAD).error
        assert (board.linked(), board.status()["current"]) == ("", {})
        assert board.deploy(A).good()["health"] == "healthy"


def test_a_service_that_hangs_is_not_healthy(board: BoardFolder) -> None:
    with serving(board) as process:
        board.deploy(A).good()
        os.killpg(process.pid, signal.SIGSTOP)
        board.stage(B).good()
        reply = board.agent("activate", {"name": B.name, "at": "then", "health_s": 1})
        os.killpg(process.pid, signal.SIGCONT)
        assert "health not checked" not in reply.said
        assert reply.result is None
        assert board.linked() == A.name


def test_an_interrupted_switch_to_a_bad_release_is_undone_by_the_next_one(board: BoardFolder, tmp_path: Path) -> None:
    with serving(board):
        board.deploy(A).good()
        board.stage(BAD).good()
        for number in range(1, 40):
            reply = board.activate(BAD, kill_at=number)
            assert reply.result is None
            if board.linked() != A.name:
                break
            board.stage(BAD).good()
        assert board.status()["unconfirmed"]
        reply = board.stage(B)
        assert "an interrupted switch was undone" in reply.good()["recovered"]
        assert board.linked() == A.name
        assert board.activate(B).good()["health"] == "healthy"


def test_a_unit_that_is_installed_must_answer(board: BoardFolder) -> None:
    board.deploy(A).good()
    unit = board.home / ".config/systemd/user/edgekit.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecStart=/bin/false\n")
    board.stage(B).good()
    reply = board.agent("activate", {"name": B.name, "at": "then", "health_s": 1})
    assert "the service" in reply.error
    assert f"rolled back to {A.name}" in reply.error
    assert board.linked() == A.name
    assert board.status()["service"] == "the service did not answer"


def test_every_step_is_told(board: BoardFolder) -> None:
    with serving(board):
        replies = [board.stage(A), board.activate(A), board.stage(BAD), board.activate(BAD)]
    assert {step for reply in replies for step in reply.steps} == set(Step)
    assert json.loads((board.root / "state.json").read_text())["pending"] is None
