"""A file that comes through a pipe: its size first, then its bytes; whole at its place, or not there at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import selectors
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edgekit.core.errors import DeviceError, StorageError
from edgekit.core.units import format_bytes
from edgekit.transports.base import MOST_PULLED, too_large

SLOWEST_BYTES_PER_S = 20_000
"""A line slower than this is taken for a broken one."""
_HEAD_BYTES = 1 << 16
_SILENCE_S = 30.0
_CHUNK_BYTES = 1 << 16


@dataclass(slots=True)
class Incoming:
    """What came: `sha256` is empty if the device did not announce a size or did not keep to it."""

    target: Path
    what: str
    part: Path
    sha256: str = ""

    def keep(self, sha256: str) -> None:
        """Put it at its place. Raises DeviceError where it is not what the device sent, StorageError."""
        if self.sha256 != sha256:
            raise DeviceError(f"{self.what} did not arrive whole")
        with _storage(self.target):
            os.replace(self.part, self.target)


def limit_s(size: int) -> float:
    """How long `size` bytes may take, in seconds."""
    return 60 + size / SLOWEST_BYTES_PER_S


@contextlib.contextmanager
def receive(handle: int, mark: str, what: str, target: Path, most_bytes: int = MOST_PULLED) -> Iterator[Incoming]:
    """Read from `handle`: anything, the line `mark`, a line with the size, and so many bytes.

    What comes lies beside `target` until `keep`. Raises DeviceError for a device that does not keep to this or
    announces more than `most_bytes`, and StorageError for `target`.
    """
    with _storage(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        out, name = tempfile.mkstemp(prefix=".pull-", dir=target.parent)
    try:
        with os.fdopen(out, "wb") as file:
            incoming = Incoming(target, what, Path(name))
            _fill(file, incoming, _Pipe(handle, what), mark, most_bytes)
            with _storage(target):
                file.flush()
                os.fsync(file.fileno())
        yield incoming
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _fill(file: IO[bytes], incoming: Incoming, pipe: _Pipe, mark: str, most_bytes: int) -> None:
    """Write what the device announced, and not a byte more."""
    size = pipe.size(mark)
    if size is None:
        return
    digest, left = hashlib.sha256(), size
    if size > most_bytes:
        raise too_large(incoming.what, size, most_bytes)
    with _storage(incoming.target):
        free = shutil.disk_usage(incoming.part.parent).free
    if size > free:
        raise StorageError(f"cannot write {incoming.target}: {format_bytes(size)} do not fit")
    pipe.limit(limit_s(size))
    while left and (chunk := pipe.read(min(left, _CHUNK_BYTES))):
        digest.update(chunk)
        left -= len(chunk)
        with _storage(incoming.target):
            file.write(chunk)
    if pipe.read(1):
        raise DeviceError(f"{incoming.what} is longer than the device said: {format_bytes(size)}")
    incoming.sha256 = "" if left else digest.hexdigest()


class _Pipe:
    """Reads a descriptor with a limit on silence and one on the whole."""

    def __init__(self, handle: int, what: str) -> None:
        self._handle = handle
        self._what = what
        self._pending = b""
        self.limit(_SILENCE_S)

    def limit(self, seconds: float) -> None:
        """From now on, it must end within so many seconds."""
        self._deadline, self._seconds = time.monotonic() + seconds, seconds

    def size(self, mark: str) -> int | None:
        """The number in the line after the mark; None where the device wrote none."""
        while (head := self._pending.partition(f"{mark}\n".encode())[2].partition(b"\n"))[1] == b"":
            chunk = self._receive()
            if not chunk:
                return None
            self._pending += chunk
            if len(self._pending) > _HEAD_BYTES + _CHUNK_BYTES:
                raise DeviceError(f"{self._what}: the device answers with something else than a file")
        self._pending = head[2]
        return int(head[0]) if re.fullmatch(rb"[0-9]{1,15}", head[0].strip()) else None

    def read(self, most: int) -> bytes:
        """Some bytes, `most` at most; none at the end."""
        data = self._pending or self._receive()
        self._pending = data[most:]
        return data[:most]

    def _receive(self) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self._handle, selectors.EVENT_READ)
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise DeviceError(f"{self._what} did not arrive within {self._seconds:.0f} s")
            if not selector.select(min(_SILENCE_S, left)):
                raise DeviceError(
                    f"{self._what} did not arrive: the device was silent for {min(_SILENCE_S, left):.0f} s"
                )
        return os.read(self._handle, _CHUNK_BYTES)


@contextlib.contextmanager
def _storage(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
