"""What a fault is: something that goes wrong, what was promised for it, and what was seen."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import EdgekitError
from edgekit.transports.base import Transport
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import parse_device

HANG_S = 150.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Whether the promise was kept, and what happened in words."""

    kept: bool
    words: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the table."""

    where: str
    what: str
    promised: str
    run: Callable[[], Seen]


def caught(work: Callable[[], object]) -> EdgekitError | None:
    """What `work` raises. It hangs after HANG_S: that is raised as TimeoutError."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(HANG_S)
    if thread.is_alive():
        raise TimeoutError(f"it hangs for {HANG_S:g} s")
    if raised and not isinstance(raised[0], EdgekitError):
        raise raised[0]
    return raised[0] if raised and isinstance(raised[0], EdgekitError) else None


def refused(work: Callable[[], object], code: int, *words: str) -> Seen:
    """Kept where `work` raises the error of that exit code, with these words in its one sentence."""
    error = caught(work)
    if error is None:
        return Seen(False, "nothing was said")
    kept = error.exit_code == code and all(word in str(error) for word in words) and "\n" not in error.message
    return Seen(kept, f"exit code {error.exit_code}: {error.message}")


def opened(uri: str) -> Transport:
    """An open session. Raises DeviceError."""
    transport = transport_for(parse_device(uri))
    transport.open()
    return transport


def file_of(folder: Path, data: bytes, name: str = "source") -> Path:
    """A file with that content."""
    path = folder / name
    path.write_bytes(data)
    return path


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one fault."""
    with tempfile.TemporaryDirectory(prefix="ekf-") as text:
        yield Path(text)


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
