"""The agent's commands, one at a time on a board."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgekit.deploy.agent.board import Board
from edgekit.deploy.agent.protocol import Refused, say

_BUSY_S, _POLL_S = 10.0, 0.2
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(command: str, request_path: str = "", detached: str = "") -> None:
    """Do what the request says and print its result or error.

    What switches runs in a process that is `detached`: a lost connection does not end it.
    """
    os.umask(0o022)  # nobody else may write where a release is staged between its check and the switch
    works = {"status": Board.status, "trust": Board.trust, "stage": Board.stage, "tidy": Board.tidy, "boot": Board.boot}
    switching = {"activate": Board.activate, "rollback": Board.rollback}
    if command in switching and not detached:
        _detach(command, request_path)
        return
    request = json.loads(Path(request_path).read_text(encoding="utf-8")) if request_path else {}
    board = Board(Path.home(), Path(request_path).resolve().parent)
    work = {**works, **switching}[command]
    if command in ("status", "trust"):
        _answer(lambda: work(board, request))
    else:
        wait_s = 0.0 if command == "boot" else _BUSY_S  # the service is started by a deployment, too: never wait for it
        _answer(lambda: _alone(board, lambda: work(board, request), wait_s))


def _answer(work: Callable[[], dict[str, Any]]) -> None:
    try:
        say("result", work())
    except Refused as error:
        say("error", str(error))
    except OSError as error:
        what = "the disk is full" if error.errno in _FULL else error.strerror or str(error)
        say("error", f"{what} ({error.filename})" if error.filename else what)


def _detach(command: str, request_path: str) -> None:
    """Start over in a session of its own, and wait for the end of that process, however it comes.

    A transport ends what it started when the line breaks, also by a mark in the environment (EDGEKIT_): a switch that
    has begun is not to be ended, it settles by itself within the time that health may take, twice.
    """
    reading, writing = os.pipe()
    first = os.fork()
    if first == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.set_inheritable(writing, True)  # it is closed when the process has ended
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EDGEKIT_")}
        words = [sys.executable, "-I", sys.argv[0], command, request_path, "detached"]
        os.execve(sys.executable, words, environment)
    os.close(writing)
    os.waitpid(first, 0)
    os.read(reading, 1)


def _alone(board: Board, work: Callable[[], dict[str, Any]], wait_s: float) -> dict[str, Any]:
    """`work` while nobody else changes the releases; the system lets go of the lock with the process."""
    board.make_folders()
    handle = os.open(str(board.root / "lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _lock(handle, wait_s)
        return work()
    finally:
        os.close(handle)


def _lock(handle: int, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise Refused("another deployment is being made on this board") from None
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
