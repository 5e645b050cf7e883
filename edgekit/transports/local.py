"""This machine as a device: a folder is its file system, child processes are its programs."""

from __future__ import annotations

import contextlib
import os
import platform
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Self

from edgekit.core import process
from edgekit.core.errors import DeviceError, MissingError, StorageError
from edgekit.core.process import Ending
from edgekit.transports.base import Found, RunResult, device_path
from edgekit.transports.uri import DeviceUri

_CHUNK_BYTES = 1 << 16


class LocalTransport:
    """Runs on this machine, in a folder of its own that is removed when it closes.

    Args:
        uri: `local`; nothing else is in it.
        folder: a folder to use instead, which must exist and is left as it is.
    """

    def __init__(self, uri: DeviceUri, folder: Path | None = None) -> None:
        self._uri = uri
        self._given = folder
        self._folder: Path | None = None

    def open(self) -> None:
        """See Transport. Opening an open one does nothing."""
        if self._folder is not None:
            return
        if self._given is not None and not self._given.is_dir():
            raise DeviceError(f"{self._uri}: the folder {self._given} is not there")
        self._folder = self._given or Path(tempfile.mkdtemp(prefix="edgekit-device-"))

    def push(self, source: Path, target: str) -> None:
        """See Transport."""
        if not source.is_file():
            raise StorageError(f"cannot read {source}: it is no file")
        try:
            _copy(source, self._path(target))
        except OSError as error:
            raise DeviceError(f"{self._uri}: cannot write {target!r}: {error.strerror or error}") from error

    def pull(self, source: str, target: Path) -> None:
        """See Transport."""
        path = self._path(source)
        if not path.is_file():
            raise DeviceError(f"{self._uri}: there is no file {source!r}")
        try:
            _copy(path, target)
        except OSError as error:
            raise StorageError(f"cannot write {target}: {error.strerror or error}") from error

    def run(self, argv: Sequence[str], timeout_s: float, stdin: bytes = b"") -> RunResult:
        """See Transport."""
        folder, words = self._root(), _words(argv)
        try:
            done = process.run(words, timeout_s=timeout_s, cwd=folder, input=stdin)
        except (MissingError, OSError, ValueError) as error:
            raise DeviceError(f"{self._uri}: cannot start {argv[0]}: {error}") from error
        if done.ending is Ending.TIME:
            raise DeviceError(f"{self._uri}: {argv[0]} did not end within {timeout_s:g} s and was killed")
        return RunResult(done.exit_code, done.stdout, done.stderr, done.seconds, done.peak_bytes)

    def stream(self, argv: Sequence[str], timeout_s: float) -> Iterator[str]:
        """See Transport."""
        child = self._start(argv)
        stdout = child.stdout
        if stdout is None:  # cannot be: it is asked for in _start
            raise DeviceError(f"{self._uri}: {argv[0]} has no output")
        try:
            yield from self._lines(stdout, argv[0], timeout_s)
            code = self._wait(child, argv[0], timeout_s)
        finally:
            _kill_group(child)
            stdout.close()
        if code != 0:
            raise DeviceError(f"{self._uri}: {argv[0]} ended with exit code {code}")

    def close(self) -> None:
        """See Transport."""
        folder, self._folder = self._folder, None
        if folder is not None and self._given is None:
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _root(self) -> Path:
        if self._folder is None:
            raise DeviceError(f"{self._uri}: not open")
        return self._folder

    def _path(self, text: str) -> Path:
        return self._root() / device_path(text)

    def _start(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """A child in a process group of its own, so that all it started can be killed with it."""
        folder, words = self._root(), _words(argv)
        try:
            return subprocess.Popen(
                words,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise DeviceError(f"{self._uri}: cannot start {argv[0]}: {error}") from error

    def _lines(self, stdout: IO[bytes], name: str, timeout_s: float) -> Iterator[str]:
        """Lines as they come; each must be complete within `timeout_s`."""
        pending, deadline = b"", time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise DeviceError(f"{self._uri}: {name} was silent for {timeout_s:g} s and was killed")
                chunk = os.read(stdout.fileno(), _CHUNK_BYTES)
                if not chunk:
                    break
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace")
                if lines:
                    deadline = time.monotonic() + timeout_s
        if pending:
            yield pending.decode(errors="replace")

    def _wait(self, child: subprocess.Popen[bytes], name: str, timeout_s: float) -> int:
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            message = f"{self._uri}: {name} closed its output and did not end within {timeout_s:g} s"
            raise DeviceError(message) from None


def discover() -> tuple[Found, ...]:
    """This machine, always."""
    return (Found("local", f"this machine: {platform.system()} on {platform.machine()}"),)


def _words(argv: Sequence[str]) -> list[str]:
    if isinstance(argv, str) or not argv:
        raise ValueError("a command is a list of words, of which the first is the program")
    return list(argv)


def _copy(source: Path, target: Path) -> None:
    """Copy bytes and mode so that `target` is whole or as it was. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".push-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out, source.open("rb") as data:
            shutil.copyfileobj(data, out)
            out.flush()
            os.fsync(out.fileno())
        shutil.copymode(source, name)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
