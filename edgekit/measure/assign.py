"""Which device measures the bundle of which target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgekit.core.errors import UsageError
from edgekit.measure.board import VENV_PYTHON, probe
from edgekit.measure.fleet import parse_devices
from edgekit.targets.target import Kind, RuntimeKind, Target
from edgekit.transports.base import Transport
from edgekit.transports.registry import transport_for
from edgekit.transports.uri import DeviceUri

_KIND_OF = {"adb": Kind.ANDROID, "ssh": Kind.LINUX, "serial": Kind.MCU, "qemu": Kind.MCU}
_ASK_S = 10.0


@dataclass(frozen=True, slots=True)
class Wish:
    """A device as it was written: `URI`, or `TARGET=URI` where the target is named too."""

    device: DeviceUri
    target: str

    @staticmethod
    def all_of(texts: Sequence[str]) -> tuple[Wish, ...]:
        """Raises UsageError for what is no device, and for a device that comes twice."""
        pairs = [text.rpartition("=") if "=" in text else ("", "", text) for text in texts]
        devices = parse_devices([pair[2] for pair in pairs]) if pairs else ()
        return tuple(Wish(device, pair[0]) for device, pair in zip(devices, pairs, strict=True))


def assign(texts: Sequence[str], targets: Sequence[Target]) -> Mapping[DeviceUri, tuple[Target, ...]]:
    """For each device the targets whose bundles it measures: the one that it is a device of; this machine measures all.

    A device fits by how it is reached (adb: phones, ssh: Linux boards). Boards are asked for the size of a pointer,
    and, where several targets are left, boards and phones for their name. Raises UsageError for a device that fits no
    target or, still, several; DeviceError for one that does not answer.
    """
    return {wish.device: _targets_of(wish, targets) for wish in Wish.all_of(texts)}


def _targets_of(wish: Wish, targets: Sequence[Target]) -> tuple[Target, ...]:
    device = wish.device
    if wish.target:
        named = tuple(target for target in targets if target.name == wish.target)
        if not named:
            raise UsageError(f"{wish.target}={device}: {wish.target} is not among the targets", _names(targets))
        return named
    if device.transport == "local":
        return tuple(targets)
    kind = _KIND_OF[device.transport]
    reached = [target for target in targets if target.kind is kind]
    if not reached:
        raise UsageError(f"{device} fits none of the targets: none is reached over {device.transport}", _names(targets))
    if kind is Kind.LINUX or (kind is Kind.ANDROID and len(reached) > 1):
        reached = _asked(device, reached)
    if len(reached) > 1:
        names = " or ".join(target.name for target in reached)
        hint = f"say which: --device {reached[0].name}={device}"
        raise UsageError(f"{device} may be {names}", hint)
    return tuple(reached)


def _asked(device: DeviceUri, targets: list[Target]) -> list[Target]:
    """The targets that remain when the device has said what it is."""
    with transport_for(device) as transport:
        if device.transport == "adb":
            return _by_name(targets, _phone_name(transport))
        facts = probe(device, transport, (VENV_PYTHON, "python3"))[0]
    fit = [target for target in targets if facts.bits == bits_of(target)]
    if not fit:
        found = f"it is {facts.machine} with {facts.bits} bits"
        raise UsageError(f"{device} fits none of the targets: {found}", _names(targets))
    return _by_name(fit, facts.board)


def bits_of(target: Target) -> int:
    """The size of a pointer on a Linux board: tflite-runtime stands for a system of 32 bits."""
    return 32 if target.runtime is RuntimeKind.TFLITE_RUNTIME else 64


def _by_name(targets: list[Target], name: str) -> list[Target]:
    """The targets whose title is in the device's own name for itself, the longest alone; all where none is."""
    words = name.lower()
    named = [t for t in targets if words and (t.title.lower() in words or words in t.title.lower())]
    longest = max((len(t.title) for t in named), default=0)
    return [t for t in named if len(t.title) == longest] or targets


def _phone_name(transport: Transport) -> str:
    return transport.run(("getprop", "ro.product.model"), _ASK_S).stdout.strip()


def _names(targets: Sequence[Target]) -> str:
    return "targets: " + ", ".join(target.name for target in targets)
