"""The members of the lab's fleet: their names, and how each is started."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.transports.lab_devices import fleet_folder


@dataclass(frozen=True, slots=True)
class Started:
    """A member that runs.

    Args:
        variables: what leads a client program to it.
        running: whether it still does.
    """

    uri: str
    variables: Mapping[str, str]
    running: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Member:
    """One device of the fleet.

    Args:
        what: it in words.
        programs: what it needs of this machine, as `packages` knows them.
        start: runs it in a folder of its own until the block ends.
    """

    name: str
    what: str
    programs: tuple[str, ...]
    start: Callable[[Path], AbstractContextManager[Started]]


def ssh_config() -> Path:
    """The configuration for ssh that knows all boards of the fleet, and then what the user's own says."""
    return fleet_folder() / "ssh_config"


@contextlib.contextmanager
def _phone(folder: Path) -> Iterator[Started]:
    from edgekit.lab.phone import Phone, PhoneOptions

    with Phone(PhoneOptions(folder=folder)) as phone:
        yield Started(phone.uri, phone.environment, phone.box.running)


def _board(kind: str) -> Callable[[Path], AbstractContextManager[Started]]:
    @contextlib.contextmanager
    def start(folder: Path) -> Iterator[Started]:
        from edgekit.lab.board import Board, BoardOptions

        with Board(kind, BoardOptions(folder=folder)) as board:
            yield Started(board.uri, {"EDGEKIT_SSH_CONFIG": str(ssh_config())}, board.box.running)

    return start


@contextlib.contextmanager
def _mcu(folder: Path) -> Iterator[Started]:
    from edgekit.lab.mcu import Mcu

    with Mcu() as mcu:
        yield Started(mcu.uri, {}, mcu.running)


_QEMU = ("qemu-aarch64-static", "qemu-arm-static")
_SSH = ("bwrap", "sshd", "ssh", "ssh-keygen")
MEMBERS = {
    member.name: member
    for member in (
        Member("phone", "an Android phone behind adbd", ("bwrap", "adb"), _phone),
        Member("pi", "a Raspberry Pi, 64 bits, emulated", (*_SSH, *_QEMU), _board("arm64")),
        Member("pi32", "a Raspberry Pi, 32 bits, emulated", (*_SSH, *_QEMU), _board("armhf")),
        Member("mcu", "a Cortex-M board in QEMU", ("qemu-system-arm", "arm-none-eabi-gcc"), _mcu),
    )
}
"""All that `edgekit lab up` starts, by name."""


def members(names: tuple[str, ...]) -> tuple[Member, ...]:
    """The members of these names, all for none. Raises UsageError for an unknown one."""
    for name in names:
        if name not in MEMBERS:
            raise UsageError(f"the lab has no device {name[:80]!r}", f"it has: {', '.join(MEMBERS)}")
    return tuple(MEMBERS[name] for name in dict.fromkeys(names or MEMBERS))
