"""Which transports there are, and the one for a device."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from edgekit.core.errors import DeviceError
from edgekit.core.registry import Registry
from edgekit.transports.base import Found, Transport
from edgekit.transports.lab_devices import lab_devices
from edgekit.transports.uri import DeviceUri

TRANSPORTS: Registry[Callable[[DeviceUri], Transport]] = Registry(
    "transport",
    {
        "local": ("edgekit.transports.local:LocalTransport", "this machine, in a child process"),
        "adb": ("edgekit.transports.adb:AdbTransport", "Android devices over adb"),
        "ssh": ("edgekit.transports.ssh:SshTransport", "Linux boards over ssh"),
        "serial": ("edgekit.transports.serial:serial_transport", "microcontrollers on a serial port"),
        "qemu": ("edgekit.transports.qemu:qemu_transport", "microcontrollers that QEMU emulates"),
    },
)


def transport_for(device: DeviceUri) -> Transport:
    """The transport of a device, not opened yet. Raises DeviceError where this version has none."""
    if device.transport not in TRANSPORTS:
        known = ", ".join(TRANSPORTS)
        raise DeviceError(f"{device}: this version measures on {known} only", "Use --device local.")
    return TRANSPORTS.load(device.transport)(device)


def discover(name: str) -> tuple[Found, ...]:
    """What the transport called `name` can reach now: the lab's devices, then what its module's `discover` finds.

    Takes a few seconds at most.
    """
    module = importlib.import_module(TRANSPORTS.load(name).__module__)
    find: Callable[[], tuple[Found, ...]] = module.discover
    ours = (device for device in lab_devices() if device.uri.startswith(f"{name}:") and device.running())
    lab = {device.uri: Found(device.uri, f"{device.what} (edgekit lab)") for device in ours}
    return (*lab.values(), *(found for found in find() if found.uri not in lab))
