"""The socket that all processes of the service accept from."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from edgekit.core.errors import StorageError

_BACKLOG = 256
_LEAVING_S, _POLL_S = 5.0, 0.1


def listen(path: Path | None, port: int) -> socket.socket:
    """On a Unix socket at `path` which only its owner may use, or on `port` of 127.0.0.1.

    What a killed service left at `path` is replaced. Raises StorageError where anything else is there, or a service
    that answers.
    """
    try:
        listener = _unix(path) if path is not None else socket.create_server(("127.0.0.1", port), backlog=_BACKLOG)
    except (OSError, OverflowError, ValueError) as error:
        raise StorageError(f"cannot listen on {path or f'port {port}'}: {error}") from error
    listener.setblocking(False)
    return listener


def identity(path: Path) -> tuple[int, int]:
    """Which file is at `path`; (0, 0) for none."""
    try:
        found = path.lstat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def leave(path: Path, bound: tuple[int, int]) -> None:
    """Remove our socket from `path`, unless by now another service's is there."""
    with contextlib.suppress(OSError), _alone(path.parent):
        if identity(path) == bound:
            path.unlink()


def _unix(path: Path) -> socket.socket:
    end = time.monotonic() + _LEAVING_S  # the processes of one that was killed are about to end
    while True:
        with _alone(path.parent):
            if not _is_alive(path):
                return _bound(path)
        if time.monotonic() > end:
            raise StorageError(f"another service answers at {path}", "end it first, or name another socket")
        time.sleep(_POLL_S)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other service looks at the sockets of `folder`: between a look and what follows from it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_alive(path: Path) -> bool:
    """Whether somebody listens at `path`. Raises StorageError where something else than a socket is there."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(mode):
        raise StorageError(f"{path} is there and is no socket: it is left alone", "name another path")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # a full queue, no permission: somebody's
            return True
    return True


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener
