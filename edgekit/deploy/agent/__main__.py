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


def main(command: str, request_path: str) -> None:
    """Do what the request says and print its result or error."""
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    board = Board(Path.home(), Path(request_path).resolve().parent)
    if command == "status":
        _answer(board.status)
    elif command == "trust":
        _answer(lambda: board.install_key(request))
    elif command == "stage":
        _answer(lambda: _alone(board, lambda: board.stage(request)))
    else:
        work = {"activate": board.activate, "rollback": board.rollback}[command]
        _to_the_end(lambda: _answer(lambda: _alone(board, lambda: work(request))))


def _answer(work: Callable[[], dict[str, Any]]) -> None:
    try:
        say("result", work())
    except Refused as error:
        say("error", str(error))
    except OSError as error:
        what = "the disk is full" if error.errno in _FULL else error.strerror or str(error)
        say("error", f"{what} ({error.filename})" if error.filename else what)


def _to_the_end(work: Callable[[], None]) -> None:
    """Run `work` in a process that a lost connection does not end, and wait for it."""
    reading, writing = os.pipe()
    first = os.fork()
    if first == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.close(reading)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        work()
        return
    os.close(writing)
    os.waitpid(first, 0)
    os.read(reading, 1)  # the end of the file: however that process ended


def _alone(board: Board, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """`work` while nobody else changes the releases; the system lets go of the lock with the process."""
    board.make_folders()
    handle = os.open(str(board.root / "lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _lock(handle)
        return work()
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    end = time.monotonic() + _BUSY_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                raise Refused("another deployment is being made on this board") from None
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main(*sys.argv[1:3])
