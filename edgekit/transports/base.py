"""What every transport does, and the words for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol, Self

from edgekit.core.errors import DeviceError
from edgekit.core.units import format_bytes


@dataclass(frozen=True, slots=True)
class RunResult:
    """A command that has ended by itself on the device.

    Args:
        exit_code: as the program gave it; negative is the signal that ended it.
        stdout, stderr: apart, decoded with replacement; a transport may keep only the last megabytes of each.
        seconds: from start to end, as seen from here.
        peak_bytes: highest resident memory that the transport saw; 0 where it cannot see.
    """

    exit_code: int
    stdout: str
    stderr: str
    seconds: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A device that can be reached now: its URI and, in words, what it is or why it does not answer."""

    uri: str
    what: str
    usable: bool = True


MOST_PULLED = 1 << 30
"""Bytes of a file from a device, where the caller knows no smaller limit."""


class Transport(Protocol):
    """One device, from `open` to `close`; also a context manager.

    Paths on the device are relative to a folder that is this session's own (`device_path` says which are legal).
    Every method but `close` raises DeviceError when the device fails, is gone, is not open, or does not answer in time.
    """

    def open(self) -> None:
        """Reach the device and make the session's folder there."""

    def push(self, source: Path, target: str) -> None:
        """Copy a file from here to the device: whole, or an error and no file. Raises StorageError for `source`."""

    def pull(self, source: str, target: Path, most_bytes: int = MOST_PULLED) -> None:
        """Copy a file from the device to here: whole, or an error and no file. Raises StorageError for `target`.

        A file of more than `most_bytes` is an error before it is fetched.
        """

    def run(self, argv: Sequence[str], timeout_s: float, stdin: bytes = b"") -> RunResult:
        """Run a program in the session's folder, each argument as it is; it is killed when `timeout_s` has passed."""

    def stream(self, argv: Sequence[str], timeout_s: float) -> Iterator[str]:
        """Run a program and give its lines (stdout and stderr together) as they come.

        It is killed when a line takes longer than `timeout_s`, and when the caller stops reading. An exit code other
        than 0 is a DeviceError after the last line.
        """

    def close(self) -> None:
        """Leave the device as it was found. May be called twice, and never fails."""

    def __enter__(self) -> Self:
        """Open it."""

    def __exit__(self, *exception: object) -> None:
        """Close it."""


def device_path(text: str) -> PurePosixPath:
    """A path on the device below the session's folder. Raises DeviceError for one that leads out or is no name."""
    path = PurePosixPath(text)
    unprintable = any(character < " " or character == "\x7f" for character in text)
    if not path.parts or path.is_absolute() or ".." in path.parts or unprintable or text.startswith("-"):
        raise DeviceError(f"{text!r} is not a path below the session's folder on the device")
    return path


def too_large(what: str, size: int, most_bytes: int) -> DeviceError:
    """The error for a file on a device that is larger than it can honestly be; `what` names both."""
    return DeviceError(f"{what} has {format_bytes(size)}, more than the {format_bytes(most_bytes)} that it may have")


def one_line(text: str) -> str:
    """What a device said, fit for a sentence of ours: its last line that is not blank, printable, 200 characters."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(character for character in lines[-1] if character.isprintable())[:200] if lines else ""
