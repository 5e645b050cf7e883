"""Devices of the lab that several tests share. Each ends with the test run; a test leaves them as it found them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgekit.lab.board import Board
from tests.devices.need import need


@pytest.fixture(scope="session")
def shared_board() -> Iterator[Board]:
    """A native board for the whole run: use `board`, which makes it whole again."""
    need("bwrap", "sshd", "ssh")
    with Board("native") as running:
        yield running


@pytest.fixture
def board(shared_board: Board, monkeypatch: pytest.MonkeyPatch) -> Iterator[Board]:
    """A running native board that edgekit finds by its URI; afterwards its cable is plugged and its power on."""
    monkeypatch.setenv("EDGEKIT_SSH_CONFIG", str(shared_board.ssh_config))
    yield shared_board
    if not shared_board.box.running():
        shared_board.power_on()
    shared_board.box.rate(0)
    shared_board.plug()
