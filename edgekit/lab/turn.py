"""One process at a time, on this machine."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from edgekit.core.errors import DeviceError, StorageError

_POLL_S = 0.1


@contextlib.contextmanager
def turn(path: Path, what: str, limit_s: float) -> Iterator[None]:
    """Hold the lock file `path` for the block, when the process that has it is done; it is free when that one dies.

    Raises DeviceError, which names `what`, after `limit_s`; StorageError where the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    with file:
        deadline = time.monotonic() + limit_s
        while not _locked(file.fileno()):
            if time.monotonic() > deadline:
                raise DeviceError(f"another process has been at work on {what} for {limit_s:g} s")
            time.sleep(_POLL_S)
        yield


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
