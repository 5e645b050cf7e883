"""A device that is reached by a client's process and has a POSIX shell: all that ssh and adb have in common."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn, Protocol, Self

from edgekit.core.errors import DeviceError, StorageError
from edgekit.core.files import sha256_file
from edgekit.transports.base import MOST_PULLED, RunResult, device_path, one_line
from edgekit.transports.client_process import ClientProcess
from edgekit.transports.keeper import Keeper, Patience, keeper_command
from edgekit.transports.lines import read_lines
from edgekit.transports.receive import limit_s, receive
from edgekit.transports.shell import Command, Reply, Session, after_mark, reply_of
from edgekit.transports.uri import DeviceUri


class Link(Protocol):
    """How a client reaches a device. `folder` is where sessions lie on the device; empty leaves it to the device."""

    folder: str

    def reach(self) -> None:
        """Make ready for calls. Raises DeviceError, or MissingError where the client is not installed."""

    def first(self, command: str) -> list[str]:
        """The client's argv for the call that stays open as long as the session: the keeper's."""

    def call(self, command: str) -> list[str]:
        """The client's argv that runs a shell command on the device, its stdin, stdout and stderr being ours."""

    def environment(self) -> Mapping[str, str]:
        """The environment of the client."""

    def failure(self, said: str) -> DeviceError:
        """Why the client came to no shell, from what it said on stderr."""

    def leave(self) -> None:
        """Undo `reach`. Never fails."""


@dataclass(frozen=True, slots=True)
class _Open:
    """An open session."""

    keeper: Keeper
    session: Session


class RemoteTransport:
    """A session on a device with a shell.

    Args:
        uri: begins the sentences of errors.
        link: how it is reached.
        patience: how long each side waits for the other.
    """

    def __init__(self, uri: DeviceUri, link: Link, patience: Patience) -> None:
        self._uri = uri
        self._link = link
        self._patience = patience
        self._now: _Open | None = None
        self._numbers = itertools.count(1)

    def open(self) -> None:
        """See Transport. Also raises MissingError where the client is not installed."""
        if self._now is not None:
            return
        mark = f"edgekit-{secrets.token_hex(8)}"
        child: ClientProcess | None = None
        try:
            self._link.reach()
            command = keeper_command(mark, self._patience, self._link.folder)
            child = ClientProcess(self._link.first(command.line), None, self._link.environment())
            child.give(command.head)
            keeper = Keeper(str(self._uri), child, mark, self._patience)
            self._now = _Open(keeper, Session(keeper.ready(), mark))
        except EOFError:
            raise self._link.failure(child.said() if child else "") from None
        finally:
            if self._now is None:
                if child is not None:
                    child.close()
                self._link.leave()

    def push(self, source: Path, target: str) -> None:
        """See Transport."""
        path, now = str(device_path(target)), self._opened()
        if not source.is_file():
            raise StorageError(f"cannot read {source}: it is no file")
        digest, facts = sha256_file(source), source.stat()
        command = now.session.push(next(self._numbers), path, digest, stat.S_IMODE(facts.st_mode) & 0o777)
        if command.head:
            raise DeviceError(f"{self._uri}: cannot write {target[:40]!r}…: the name is too long")
        with source.open("rb") as data, self._call(command, data) as child:
            code = child.end(limit_s(facts.st_size))
            reply = self._reply(now, code, child, f"{target!r} was being written")
        if reply.exit_code != 0:
            raise DeviceError(f"{self._uri}: cannot write {target!r}: {one_line(reply.stderr) or 'no reason given'}")

    def pull(self, source: str, target: Path, most_bytes: int = MOST_PULLED) -> None:
        """See Transport."""
        path, now = str(device_path(source)), self._opened()
        command, what = now.session.pull(next(self._numbers), path), f"{self._uri}: {source!r}"
        with (
            _file(command.head) as given,
            self._call(command, given) as child,
            receive(child.output, now.session.mark, what, target, most_bytes) as incoming,
        ):
            reply = self._reply(now, child.end(self._patience.answer_s), child, f"{source!r} was being read")
            if reply.kind == "missing":
                raise DeviceError(f"{self._uri}: there is no file {source!r}")
            if reply.kind != "sha256":
                raise DeviceError(f"{self._uri}: cannot read {source!r}: {one_line(reply.stderr)}")
            incoming.keep(reply.value)

    def run(self, argv: Sequence[str], timeout_s: float, stdin: bytes = b"") -> RunResult:
        """See Transport."""
        words, now, number = _words(argv), self._opened(), next(self._numbers)
        command, start, code = now.session.run(number, words), time.monotonic(), None
        with _file(command.head + stdin) as given, self._call(command, given, kept=True) as child:
            try:
                code = child.end(timeout_s)
            finally:
                killed = code is not None or now.keeper.kill(number)
            if code is None:
                self._late(words[0], timeout_s, killed)
            reply = self._reply(now, code, child, f"{words[0]} ran")
            stdout = after_mark(child.printed(), now.session.mark)
        self._require_program(reply, words[0])
        return RunResult(reply.exit_code, stdout, reply.stderr, time.monotonic() - start)

    def stream(self, argv: Sequence[str], timeout_s: float) -> Iterator[str]:
        """See Transport."""
        words, now, number = _words(argv), self._opened(), next(self._numbers)
        what, reply = f"{self._uri}: {words[0]}", None
        command = now.session.run(number, words, together=True)
        with _file(command.head) as given, self._call(command, given) as child:
            try:
                yield from _after_mark(read_lines(child.output, what, timeout_s), now.session.mark)
                code = child.end(timeout_s)
                if code is None:
                    raise DeviceError(f"{what} closed its output and did not end within {timeout_s:g} s")
                reply = self._reply(now, code, child, f"{words[0]} ran")
            finally:
                if reply is None:
                    now.keeper.kill(number)
        self._require_program(reply, words[0])
        if reply.exit_code != 0:
            raise DeviceError(f"{what} ended with exit code {reply.exit_code}")

    def close(self) -> None:
        """See Transport."""
        now, self._now = self._now, None
        if now is not None:
            now.keeper.close()
            self._link.leave()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _opened(self) -> _Open:
        if self._now is None:
            raise DeviceError(f"{self._uri}: not open")
        return self._now

    def _call(self, command: Command, stdin: IO[bytes], *, kept: bool = False) -> ClientProcess:
        return ClientProcess(self._link.call(command.line), stdin, self._link.environment(), kept=kept)

    def _reply(self, now: _Open, code: int | None, child: ClientProcess, what: str) -> Reply:
        """How the script on the device ended. Raises DeviceError where it did not tell, or ssh failed after it."""
        said = child.said()
        reply = reply_of(said, now.session.mark)
        if reply is not None and code == 0 and reply.kind != "gone":
            return reply
        if now.keeper.lost:
            hint = "Look at its power, its network and its load, then start again."
            raise DeviceError(f"{self._uri}: the connection was lost while {what}", hint)
        if code is None:
            raise DeviceError(f"{self._uri} did not answer in time while {what}")
        if reply is not None and reply.kind == "gone":
            raise DeviceError(f"{self._uri}: the session's folder is gone, so nothing can be done there")
        said = one_line(after_mark(said, now.session.mark))
        raise DeviceError(f"{self._uri}: no answer came while {what}: {said or 'it says nothing'}")

    def _require_program(self, reply: Reply, name: str) -> None:
        if reply.kind == "absent":
            raise DeviceError(f"{self._uri}: cannot start {name}: there is no such program on the device")

    def _late(self, name: str, timeout_s: float, killed: bool) -> NoReturn:
        end = "was killed" if killed else "the device does not answer, so that it may still run"
        raise DeviceError(f"{self._uri}: {name} did not end within {timeout_s:g} s and {end}")


def _words(argv: Sequence[str]) -> list[str]:
    if isinstance(argv, str) or not argv:
        raise ValueError("a command is a list of words, of which the first is the program")
    return list(argv)


@contextlib.contextmanager
def _file(data: bytes) -> Iterator[IO[bytes]]:
    """A file that holds `data`, to be read from its beginning. Raises StorageError."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile())
            file.write(data)
            file.seek(0)
        except OSError as error:
            raise StorageError(f"cannot write a temporary file: {error.strerror or error}") from error
        yield file


def _after_mark(lines: Iterator[str], mark: str) -> Iterator[str]:
    """The lines after the mark: a login script may have talked before."""
    for line in lines:
        if line.endswith(mark):
            break
    yield from lines
