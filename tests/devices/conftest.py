"""Devices of the lab that several tests share. Each ends with the test run; a test leaves them as it found them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgekit.lab.board import Board
from edgekit.lab.phone import Phone
from tests.devices.need import need, need_roots


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
        shared_board.box.power_on()
    shared_board.box.rate(0)
    shared_board.box.plug()


@pytest.fixture(scope="session")
def pi() -> Iterator[Board]:
    """A Raspberry Pi of 64 bits for the whole run, emulated. Set EDGEKIT_SSH_CONFIG to its `ssh_config`."""
    yield from _emulated("arm64")


@pytest.fixture(scope="session")
def pi32() -> Iterator[Board]:
    """A Raspberry Pi of 32 bits for the whole run, emulated. Set EDGEKIT_SSH_CONFIG to its `ssh_config`."""
    yield from _emulated("armhf")


def _emulated(kind: str) -> Iterator[Board]:
    need("bwrap", "sshd", "ssh", "qemu-aarch64-static", "qemu-arm-static")
    need_roots(kind)
    with Board(kind) as running:
        yield running


@pytest.fixture(scope="session")
def shared_phone() -> Iterator[Phone]:
    """A phone for the whole run: use `phone`, which makes it whole again."""
    need("bwrap", "adb")
    need_roots("phone")
    with Phone() as running:
        yield running


@pytest.fixture
def phone(shared_phone: Phone, monkeypatch: pytest.MonkeyPatch) -> Iterator[Phone]:
    """A running phone that edgekit finds by its URI; afterwards its cable is plugged and its power on."""
    for name, value in shared_phone.environment.items():
        monkeypatch.setenv(name, value)
    yield shared_phone
    if not shared_phone.box.running():
        shared_phone.box.power_on()
    shared_phone.box.rate(0)
    shared_phone.box.plug()
