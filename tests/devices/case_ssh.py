"""A board behind a real sshd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekit.lab.board import Board, BoardOptions
from tests.devices.cases import Case, Device
from tests.devices.need import need

_DISK_BYTES = 24_000_000


@contextmanager
def _start(folder: Path) -> Iterator[Device]:
    need("bwrap", "sshd", "ssh")
    with Board("native", BoardOptions(folder=folder / "board", home_bytes=_DISK_BYTES)) as board:
        environment = {"EDGEKIT_SSH_CONFIG": str(board.ssh_config)}
        yield Device(
            board.uri,
            environment,
            vanish=board.box.power_off,
            vanish_after=board.box.drop_after,
            come_back=lambda: _mend(board),
            most_bytes=_DISK_BYTES,
        )


def _mend(board: Board) -> None:
    if not board.box.running():
        board.box.power_on()
    board.box.plug()


CASE = Case("ssh", "ssh", _start)
