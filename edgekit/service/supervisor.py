"""The processes of the service on one listening socket; one that dies is started again."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from edgekit.core.errors import DeviceError, EdgekitError
from edgekit.service.app import App
from edgekit.service.board import Board
from edgekit.service.current import Current
from edgekit.service.door import open_door, server_library
from edgekit.service.engine import Engine, EngineOptions
from edgekit.service.listener import identity, leave, listen
from edgekit.service.release import load_release
from edgekit.service.tuning import Arrangement, Trial, choose, tune

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_FINISH_S, _POLL_S, _LOOK_S = 20.0, 0.02, 1.0
_DEATHS, _DEATHS_S = 10, 30.0
"""So many deaths in so many seconds are no accident: the service gives up and says so."""


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What to serve and where.

    Attributes:
        release: the link to the current release, or its folder.
        socket: path of a Unix socket, which only its owner may use; None takes TCP.
        port: of 127.0.0.1; 0 takes a free one.
        arrangement: None measures it.
    """

    release: Path
    socket: Path | None = None
    port: int = 0
    arrangement: Arrangement | None = None


def serve(options: ServiceOptions) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises StorageError, MissingError, DeviceError where processes keep dying."""
    server_library()
    told = _Leave()
    signal.signal(signal.SIGTERM, told)
    listener = listen(options.socket, options.port)
    bound = identity(options.socket) if options.socket is not None else (0, 0)
    try:
        _keep_family(options, listener, told)
    finally:
        listener.close()
        if options.socket is not None:
            leave(options.socket, bound)


def _keep_family(options: ServiceOptions, listener: socket.socket, told: _Leave) -> None:
    arrangement, trials = _arranged(options)
    board = Board(arrangement.processes, {"arrangement": asdict(arrangement), "trials": [asdict(t) for t in trials]})
    family = _Family(lambda place: _work(place, listener, options.release, arrangement, board, told), told)
    address = options.socket or "http://{}:{}".format(*listener.getsockname())
    sys.stdout.write(f"listening on {address}\n")
    sys.stdout.flush()
    try:
        family.keep(arrangement.processes)
    finally:
        family.end()


def _arranged(options: ServiceOptions) -> tuple[Arrangement, tuple[Trial, ...]]:
    """What was asked for, else the best of all trials, else (no release yet) one process for each core."""
    cores = len(os.sched_getaffinity(0))
    if options.arrangement is not None:
        return options.arrangement, ()
    folder = options.release.resolve()
    if not folder.is_dir():
        return Arrangement(cores, 1, 1), ()

    def make(arrangement: Arrangement) -> Callable[[], object]:
        release = load_release(folder)
        return Engine(release, EngineOptions(arrangement.lanes, arrangement.threads)).try_request

    trials = tune(make, cores)
    return (choose(trials).arrangement, trials) if trials else (Arrangement(cores, 1, 1), ())


def _work(
    place: int, listener: socket.socket, link: Path, arrangement: Arrangement, board: Board, told: _Leave
) -> None:
    """What one process does until it is told to end: it leaves after the requests that are being answered."""
    options = EngineOptions(arrangement.lanes, arrangement.threads)
    current = Current(link, options, lambda digest: board.show(place, digest))
    current.refresh()
    if current.refusal is not None and place == 0:
        sys.stderr.write(f"refused {current.refusal.folder}: {current.refusal.why}\n")
    signal.signal(signal.SIGHUP, lambda number, frame: current.wake())
    server = open_door(App(current, board), listener, arrangement.lanes)
    current.watch()
    if not told.asked:
        server.run()


class _Family:
    """Forked processes, by their place."""

    def __init__(self, work: Callable[[int], None], told: _Leave) -> None:
        self._work = work
        self._told = told
        self._places: dict[int, int] = {}
        self._deaths: list[float] = []

    def keep(self, count: int) -> None:
        """Keep `count` processes running until a signal ends us. Raises DeviceError where they keep dying."""
        signal.signal(signal.SIGHUP, lambda number, frame: self._tell(signal.SIGHUP))
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        for place in range(count):
            self._start(place)
        while not self._told.asked:
            signal.sigtimedwait([signal.SIGCHLD], _LOOK_S)
            for place, status in self._reaped():
                now = time.monotonic()
                self._deaths = [death for death in self._deaths if now - death < _DEATHS_S] + [now]
                if len(self._deaths) >= _DEATHS:
                    raise DeviceError(f"the service's processes keep dying ({_cause(status)})")
                self._start(place)

    def _reaped(self) -> list[tuple[int, int]]:
        """Place and status of each process that has ended since the last time."""
        found = []
        for pid, place in list(self._places.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._places[pid]
                found.append((place, status))
        return found

    def end(self) -> None:
        """Let every process finish what it is answering, and end; one that does not is killed."""
        self._tell(signal.SIGTERM)
        give_up = time.monotonic() + _FINISH_S
        while self._places:
            self._places = {pid: place for pid, place in self._places.items() if not _ended(pid)}
            if time.monotonic() > give_up:
                self._tell(signal.SIGKILL)
            time.sleep(_POLL_S)

    def _tell(self, number: int) -> None:
        for pid in list(self._places):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _start(self, place: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # the hooks of a fork swallow what is raised in them
        pid = os.fork()
        if pid == 0:
            self._be_child(place)
        self._places[pid] = place
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

    def _be_child(self, place: int) -> NoReturn:
        code = 0
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD, signal.SIGTERM])
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            self._work(place)
        except (SystemExit, KeyboardInterrupt):
            pass
        except EdgekitError as error:
            sys.stderr.write(f"error: {error}\n")
            code = error.exit_code
        finally:
            os._exit(code)


def _ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:  # waited for already
        return True


def _cause(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit code {os.WEXITSTATUS(status)}"


class _Leave:
    """A signal's handler that raises SystemExit, and remembers it: an import may swallow what is raised in it."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        raise SystemExit(0)
