"""This machine as a device: a folder is its file system, child processes are its programs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from edgekit.core import process
from edgekit.core.errors import DeviceError, MissingError, StorageError
from edgekit.core.process import Ending
from edgekit.transports.base import MOST_PULLED, Found, RunResult, device_path, too_large
from edgekit.transports.lines import read_lines
from edgekit.transports.uri import DeviceUri

_QUEUE_S = 900.0
"""How long a session waits for the one before it."""
_LOOK_S = 0.1


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
        self._lock: int | None = None

    def open(self) -> None:
        """See Transport. Opening an open one does nothing. Sessions of this user wait for each other.

        Two measurements at once would measure each other. Raises DeviceError where the queue does not move.
        """
        if self._folder is not None:
            return
        if self._given is not None and not self._given.is_dir():
            raise DeviceError(f"{self._uri}: the folder {self._given} is not there")
        self._lock = _queue(self._uri)
        self._folder = self._given or Path(tempfile.mkdtemp(prefix="edgekit-device-"))

    def push(self, source: Path, target: str) -> None:
        """See Transport."""
        if not source.is_file():
            raise StorageError(f"cannot read {source}: it is no file")
        path = self._path(target)
        if _linked(path.parent, self._root()):
            raise DeviceError(f"{self._uri}: cannot write {target!r}: a link is on the way to it")
        try:
            _copy(source, path)
        except OSError as error:
            raise DeviceError(f"{self._uri}: cannot write {target!r}: {error.strerror or error}") from error

    def pull(self, source: str, target: Path, most_bytes: int = MOST_PULLED) -> None:
        """See Transport."""
        path = self._path(source)
        if _linked(path, self._root()):
            raise DeviceError(f"{self._uri}: cannot read {source!r}: it is a link, or one is on the way to it")
        if not path.is_file():
            raise DeviceError(f"{self._uri}: there is no file {source!r}")
        if (size := path.stat().st_size) > most_bytes:
            raise too_large(f"{self._uri}: {source!r}", size, most_bytes)
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
            yield from read_lines(stdout.fileno(), f"{self._uri}: {argv[0]}", timeout_s)
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
            _remove(folder)
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

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

    def _wait(self, child: subprocess.Popen[bytes], name: str, timeout_s: float) -> int:
        try:
            return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            message = f"{self._uri}: {name} closed its output and did not end within {timeout_s:g} s"
            raise DeviceError(message) from None


def discover() -> tuple[Found, ...]:
    """This machine, always."""
    return (Found("local", f"this machine: {platform.system()} on {platform.machine()}"),)


def _queue(uri: DeviceUri) -> int:
    """Wait until no other session is open, and give the descriptor that holds the lock. Raises DeviceError."""
    path = Path(tempfile.gettempdir()) / f"edgekit-local-{os.geteuid()}.lock"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DeviceError(f"{uri}: cannot open {path}: {error.strerror or error}") from error
    deadline = time.monotonic() + _QUEUE_S
    try:
        while not _locked(lock):
            if time.monotonic() > deadline:
                raise DeviceError(
                    f"{uri} is in use by another edgekit session, for more than {_QUEUE_S / 60:g} minutes"
                )
            time.sleep(_LOOK_S)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _linked(path: Path, root: Path) -> bool:
    """Whether `path` or a folder on the way to it is a link: a program may have left one that leads out of `root`."""
    below = path.relative_to(root).parts
    return any(root.joinpath(*below[:count]).is_symlink() for count in range(1, len(below) + 1))


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(folder: Path) -> None:
    """Remove a folder, also one in which a program left folders that nobody may write to."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in (folder, *folder.rglob("*")) if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):
                path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


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
