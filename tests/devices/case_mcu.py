"""Microcontrollers: the lab's board behind a serial port, and a machine of QEMU."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekit.lab.mcu import Mcu
from edgekit.transports.firmware import STORE_BYTES
from tests.devices.cases import Case, Device, Second, Words
from tests.devices.need import need

WORDS = Words(
    arguments=lambda words: ["arguments", *words],
    exit=lambda code: ["exit", str(code)],
    both=["put", "1", "out\n", "2", "err\n"],
    die=lambda number: ["die", str(number)],
    much=lambda count: ["much", str(count), str(count)],
    three=["put", "1", "one\n", "2", "two\n", "1", "three"],
    first=["say", "30", "first"],
    orphan=None,
    link=None,
    lock=None,
)


def needed() -> None:
    """Skip, or fail, where the emulator or the compiler is missing."""
    need("qemu-system-arm", "arm-none-eabi-gcc")


def bytes_read(pid: int) -> int:
    """What a process has read in all (proc(5), io: rchar)."""
    return int(Path(f"/proc/{pid}/io").read_text().split()[1])


def power_off_after(mcu: Mcu, count: int) -> None:
    """Cut the power when QEMU has read `count` bytes more: those of the line and, beside them, a few of its own."""
    pid = mcu.pid
    limit = bytes_read(pid) + count

    def watch() -> None:
        with contextlib.suppress(OSError):  # it is gone already
            while bytes_read(pid) < limit:
                time.sleep(0.002)
            mcu.power_off()

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _start_serial(folder: Path) -> Iterator[Device]:
    needed()
    with Mcu() as mcu:
        yield Device(
            mcu.uri,
            vanish=mcu.power_off,
            vanish_after=lambda count: power_off_after(mcu, count),
            come_back=mcu.power_on,
            most_bytes=STORE_BYTES,
        )


@contextmanager
def _start_qemu(folder: Path) -> Iterator[Device]:
    needed()
    yield Device("qemu:mps3-an547", most_bytes=STORE_BYTES)


SERIAL = Case("serial", "serial", _start_serial, WORDS, stdin_bytes=20_000, output_bytes=100_000, word_bytes=1_500)
QEMU = Case(
    "qemu", "qemu", _start_qemu, WORDS, Second.APART, stdin_bytes=20_000, output_bytes=100_000, word_bytes=1_500
)
