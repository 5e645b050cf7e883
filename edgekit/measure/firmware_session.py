"""What is said to a network in a microcontroller's firmware, and what its answers mean."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import DeviceError
from edgekit.measure.measurement import LayerCount
from edgekit.measure.visit import printable
from edgekit.transports.framed import FramedTransport
from edgekit.transports.qemu import INSTRUCTION_NS
from edgekit.transports.uri import DeviceUri

Array = NDArray[Any]
_NUMBER = re.compile(r"[0-9]{1,10}")
_TICKS = re.compile(r"[0-9a-f]{16}")
_LAYER = re.compile(r"([0-9]{1,10}) (.*) ([0-9a-f]{16})")
_HINT = "`edgekit firmware BUNDLE` builds one that has it: see docs/microcontrollers.md"


@dataclass(frozen=True, slots=True)
class FirmwareAnswer:
    """The lines that a program wrote, by their first word. A board's word is checked before it is used."""

    device: DeviceUri
    lines: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(device: DeviceUri, text: str) -> FirmwareAnswer:
        """The answer in what a program wrote."""
        lines: dict[str, tuple[str, ...]] = {}
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            lines[word] = (*lines.get(word, ()), rest)
        return FirmwareAnswer(device, lines)

    def number(self, word: str) -> int:
        """A whole number of up to ten digits. Raises DeviceError."""
        texts = self.lines.get(word, ())
        if len(texts) != 1 or not _NUMBER.fullmatch(texts[0]):
            raise self.nonsense(word)
        return int(texts[0])

    def ticks(self, word: str) -> tuple[int, ...]:
        """Counts of ticks, one a line. Raises DeviceError where there is none."""
        texts = self.lines.get(word, ())
        if not texts or not all(_TICKS.fullmatch(text) for text in texts):
            raise self.nonsense(word)
        return tuple(int(text, 16) for text in texts)

    def arrays(self, wanted: Sequence[tuple[np.dtype[Any], tuple[int, ...]]]) -> list[Array]:
        """The outputs, each of the type and shape that is wanted. Raises DeviceError."""
        texts = self.lines.get("output", ())
        if len(texts) != len(wanted):
            raise self.nonsense("output")
        try:
            pairs = zip(texts, wanted, strict=True)
            return [np.frombuffer(binascii.unhexlify(text), dtype).reshape(shape) for text, (dtype, shape) in pairs]
        except ValueError as error:
            raise self.nonsense("output") from error

    def nonsense(self, word: str) -> DeviceError:
        """The error for a line that cannot be read."""
        said = printable(" ".join(self.lines.get(word, ("nothing",))), 60)
        return DeviceError(f"{self.device}: the firmware's answer for {word!r} makes no sense: {said}")


@dataclass(frozen=True, slots=True, eq=False)
class FirmwareSession:
    """A board that is open, with a network in its firmware. Every method raises DeviceError where the board fails."""

    device: DeviceUri
    transport: FramedTransport
    timeout_s: float

    def begin(self) -> FirmwareAnswer:
        """Set the network to its beginning; what the firmware says of it."""
        return self._run(["model"])

    def require(self, digest: str) -> None:
        """Raises DeviceError where the firmware has no network, or another than `digest` says."""
        try:
            facts = self.begin()
        except DeviceError as error:
            if "no such program" in error.message:
                raise DeviceError(f"{self.device}: there is no network in the board's firmware", _HINT) from error
            raise
        if facts.lines.get("digest") != (digest,):
            raise DeviceError(f"{self.device}: the network in the board's firmware is not that of the bundle", _HINT)

    def infer(self, inputs: bytes, count: int = 1) -> FirmwareAnswer:
        """Run `count` inferences of these inputs."""
        return self._run(["infer", str(count)], inputs)

    def layers(self, inputs: bytes, hz: int) -> tuple[LayerCount, ...]:
        """Instructions of each layer in one inference, in the order in which they run."""
        answer = self._run(["layers"], inputs)
        found = [_LAYER.fullmatch(text) for text in answer.lines.get("layer", ())]
        rows = [(match[2], int(match[1]), int(match[3], 16)) for match in found if match]
        if not rows or len(rows) < len(found):
            raise answer.nonsense("layer")
        nothing = in_instructions(rows[0][2], hz)  # the first is what the counting itself takes of each call
        return tuple(_layer(name, in_instructions(ticks, hz) - calls * nothing) for name, calls, ticks in rows[1:])

    def _run(self, argv: list[str], stdin: bytes = b"") -> FirmwareAnswer:
        result = self.transport.run(argv, self.timeout_s, stdin)
        if result.exit_code:
            said = printable(result.stderr.strip()) or f"exit code {result.exit_code}"
            how = "a fault ended the network" if result.exit_code < 0 else "the firmware refused"
            raise DeviceError(f"{self.device}: {how}: {said}")
        return FirmwareAnswer.of(self.device, result.stdout)


def instructions(answer: FirmwareAnswer, facts: FirmwareAnswer, word: str = "ticks") -> int:
    """Instructions of a call, without those of measuring it, on an emulated machine."""
    hz = facts.number("hz")
    found = in_instructions(answer.ticks(word)[0], hz) - in_instructions(facts.ticks("empty")[0], hz)
    if found < 0:
        raise answer.nonsense(word)
    return found


def in_instructions(ticks: int, hz: int) -> int:
    """Every instruction takes INSTRUCTION_NS of virtual time.

    >>> in_instructions(256, 25_000_000)
    10
    """
    return round(ticks * 1_000_000_000 / (max(hz, 1) * INSTRUCTION_NS))


def _layer(said: str, count: int) -> LayerCount:
    """The firmware gives `CONV_2D the/name`."""
    kind, _, name = printable(said).partition(" ")
    return LayerCount(name or kind, kind, count)
