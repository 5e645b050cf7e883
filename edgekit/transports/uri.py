"""Devices by name: `local`, `adb:SERIAL`, `adb:HOST:PORT`, `ssh:USER@HOST[:PORT]`, `serial:/dev/…`, `qemu:MACHINE`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from edgekit.core.errors import UsageError

_FORMS = "local, adb:SERIAL, adb:HOST:PORT, ssh:USER@HOST[:PORT], serial:/dev/ttyACM0, qemu:mps2-an386"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}"  # no leading dash: it would be an option to ssh and adb
_HOST = rf"(?P<host>{_NAME}|\[[0-9A-Fa-f:.]{{2,45}}\])"
_PORT = r"(?P<port>[0-9]{1,5})"
_PATTERNS = {
    "adb": re.compile(rf"(?:{_HOST}:{_PORT}|(?P<name>{_NAME}))"),
    "ssh": re.compile(rf"(?P<user>[A-Za-z_][A-Za-z0-9._-]{{0,63}})@{_HOST}(?::{_PORT})?"),
    "serial": re.compile(r"(?P<name>/[A-Za-z0-9._/:-]{1,252})"),
    "qemu": re.compile(rf"(?P<name>{_NAME})"),
}


@dataclass(frozen=True, slots=True)
class DeviceUri:
    """Where a device is. Fields that its transport does not use are empty or None.

    Args:
        transport: the registry's name of its transport.
        name: an adb serial number, a serial port's path, or an emulated machine.
    """

    transport: str
    name: str = ""
    user: str = ""
    host: str = ""
    port: int | None = None

    def __str__(self) -> str:
        if self.transport == "local":
            return "local"
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.transport}:{user}{self.host}{port}{self.name}"


LOCAL = DeviceUri("local")


def parse_device(text: str) -> DeviceUri:
    """The device that `text` names. Raises UsageError for anything else, hostile strings included."""
    if text == "local":
        return LOCAL
    transport, _, rest = text.partition(":")
    pattern = _PATTERNS.get(transport)
    match = pattern.fullmatch(rest) if pattern is not None else None
    if match is None or ".." in rest.split("/"):
        _refuse(text)
    fields = match.groupdict()
    port = _port(text, fields.get("port"))
    return DeviceUri(transport, fields.get("name") or "", fields.get("user") or "", fields.get("host") or "", port)


def _port(text: str, digits: str | None) -> int | None:
    if digits is None:
        return None
    port = int(digits)
    if not 1 <= port <= 65535:
        _refuse(text)
    return port


def _refuse(text: str) -> NoReturn:
    raise UsageError(f"{text[:80]!r} is not a device", f"devices are written {_FORMS}")
