"""A phone behind a real adbd, known to an adb server of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgekit.lab.phone import Phone, PhoneOptions
from tests.devices.cases import Case, Device
from tests.devices.need import need

_DISK_BYTES = 24_000_000


@contextmanager
def _start(folder: Path) -> Iterator[Device]:
    need("bwrap", "adb")
    with Phone(PhoneOptions(folder=folder / "phone", disk_bytes=_DISK_BYTES)) as phone:
        yield Device(
            phone.uri,
            phone.environment,
            vanish=phone.box.power_off,
            vanish_after=phone.box.drop_after,
            come_back=lambda: _mend(phone),
            most_bytes=_DISK_BYTES,
        )


def _mend(phone: Phone) -> None:
    if not phone.box.running():
        phone.box.power_on()
    phone.box.plug()


CASE = Case("adb", "adb", _start)
