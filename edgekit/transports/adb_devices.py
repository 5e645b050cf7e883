"""The Android devices that adb's server knows now, with a word on each that cannot be used yet."""

from __future__ import annotations

from edgekit.core import process
from edgekit.core.errors import DeviceError, MissingError, UsageError
from edgekit.transports.adb_client import STATES, Listed, adb_program, parse_devices
from edgekit.transports.base import Found, one_line
from edgekit.transports.uri import parse_device

_ASK_S = 8.0
_NAME_S = 4.0
_NAME = "getprop ro.product.model; getprop ro.build.version.release"


def discover() -> tuple[Found, ...]:
    """What `adb devices` lists, each with its model or what it waits for; nothing where adb is missing or silent."""
    try:
        program = adb_program()
        done = process.run([program, "devices", "-l"], timeout_s=_ASK_S)
    except MissingError:
        return ()
    return tuple(_found(program, entry) for entry in parse_devices(done.stdout))


def _found(program: str, entry: Listed) -> Found:
    """A serial number is whatever the device says it is, so only what edgekit takes for one is shown as a URI."""
    uri = f"adb:{one_line(entry.serial)}"
    try:
        taken = str(parse_device(f"adb:{entry.serial}"))
    except UsageError:
        return Found(uri, "a serial number that edgekit does not take", usable=False)
    if entry.state != "device":
        sentence, _ = STATES.get(entry.state, (f"is in the state {one_line(entry.state)!r}", ""))
        return Found(taken, sentence, usable=False)
    return Found(taken, _what(program, entry))


def _what(program: str, entry: Listed) -> str:
    try:
        done = process.run([program, "-s", entry.serial, "shell", "-T", _NAME], timeout_s=_NAME_S)
    except (MissingError, DeviceError):
        return entry.model or "an Android device"
    model, version = [*map(one_line, done.stdout.splitlines()), "", ""][:2]
    model = model or entry.model or "an Android device"
    return f"{model}, Android {version}" if version else model
