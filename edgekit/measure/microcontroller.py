"""A bundle in a microcontroller's firmware: its golden samples run there, are counted, and judged here."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit import __version__
from edgekit.bundle.read import Bundle
from edgekit.codegen.call import Settings
from edgekit.codegen.cores import build_of
from edgekit.codegen.footprint import build_least
from edgekit.codegen.generate import generate
from edgekit.core.errors import DeviceError
from edgekit.core.files import sha256_bytes
from edgekit.core.progress import Progress
from edgekit.core.toolchain import Core, find_toolchain
from edgekit.graph.codec import read
from edgekit.graph.model import Model
from edgekit.measure.measurement import (
    Conditions,
    Firmware,
    Health,
    Latency,
    LayerCount,
    Measurement,
    Placement,
    Profile,
    summarise,
)
from edgekit.measure.options import CheckOptions
from edgekit.measure.parity import judge_parity
from edgekit.measure.visit import printable
from edgekit.runtime.litert import Kernels
from edgekit.transports.firmware import Network, machine_named
from edgekit.transports.framed import FramedTransport
from edgekit.transports.qemu import INSTRUCTION_NS, network_transport, qemu_version
from edgekit.transports.uri import DeviceUri

Array = NDArray[Any]
RUNTIME = "edgekit C"
OPTIMIZE = "-O2"
_TIMED_RUNS = 100
_NUMBER = re.compile(r"[0-9]{1,10}")
_TICKS = re.compile(r"[0-9a-f]{16}")
_LAYER = re.compile(r"([0-9]{1,10}) (.*) ([0-9a-f]{16})")
_SOURCE = re.compile(r"c/(ek\w*\.[ch])")
_COUNTED = "instructions are counted, not cycles: no flash wait state, cache or pipeline is in them"


def c_sources(bundle: Bundle, core: Core) -> Mapping[str, bytes]:
    """The C of the bundle, or, where it has none, what is generated from its model for `core`."""
    found = {match[1]: data for path, data in bundle.files.items() if (match := _SOURCE.fullmatch(path))}
    return found or generate(read(bundle.model_bytes), Settings(build_of(core))).files


def network_of(bundle: Bundle, core: Core) -> Network:
    """The bundle as a part of a firmware for `core`. Raises ModelError where there is no C for it."""
    inputs = read(bundle.model_bytes).inputs()
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", bundle.manifest.name.rpartition(".")[0] or bundle.manifest.name)[:60]
    digest = sha256_bytes(bundle.model_bytes)[:16]
    return Network(name, digest, c_sources(bundle, core), sum(p.tensor.nbytes for p in inputs), OPTIMIZE)


def measure_emulated(bundle: Bundle, device: DeviceUri, options: CheckOptions, progress: Progress) -> Measurement:
    """Build the firmware of a machine of QEMU, run the golden samples in it, and count.

    Raises DeviceError where the firmware fails or the machine ends, MissingError where a compiler or QEMU is missing,
    ModelError where there is no C for the model.
    """
    machine = machine_named(device.name)
    progress.start(f"check on {device}", 4 if options.profile else 3)
    try:
        network = network_of(bundle, machine.processor)
        built = build_least(network.files, machine.processor, network.optimize, find_toolchain())
        progress.advance()
        with network_transport(device, network) as transport:
            visit = _Visit(bundle, device, transport, options)
            answers = visit.samples()
            facts = visit.facts()
        progress.advance()
        counts = [_instructions(a, facts, device) for a in answers]
        stack = max(a.number("stack") for a in answers)
        firmware = Firmware(
            instructions=max(counts),
            least_instructions=min(counts),
            setup_instructions=_instructions(facts, facts, device, "setup"),
            footprint=built.footprint,
            stack_bytes=stack,
            ram_bytes=built.footprint.arena_bytes + built.footprint.static_bytes + stack,
            counted=_COUNTED,
            layers=(),
        )
        if options.profile:
            with network_transport(device, replace(network, by_layer=True)) as transport:
                layers = _Visit(bundle, device, transport, options).layers(facts)
            firmware = replace(firmware, layers=layers)
            progress.advance()
        conditions = _conditions(machine.processor.name, transport_board=machine.name, emulated=_emulator())
        return visit.measurement(answers, firmware, conditions)
    finally:
        progress.finish()


def measure_on_port(
    bundle: Bundle, device: DeviceUri, transport: FramedTransport, options: CheckOptions, progress: Progress
) -> Measurement:
    """Run the golden samples on a board whose firmware has the bundle's network, and time it by its own counter.

    Raises DeviceError where the firmware has none, has another one, fails, or is gone.
    """
    progress.start(f"check on {device}", 2)
    try:
        visit = _Visit(bundle, device, transport, options)
        visit.require_network()
        answers = visit.samples()
        progress.advance()
        facts = visit.facts()
        latency = visit.latency(facts)
        progress.advance()
        stack = max(a.number("stack") for a in answers)
        firmware = Firmware(None, None, None, None, stack, facts.number("arena") + stack, "", ())
        board = transport.board
        conditions = _conditions("", board.name, f"emulated: {board.emulated}" if board.emulated else "")
        return replace(visit.measurement(answers, firmware, conditions), latency=latency)
    finally:
        progress.finish()


@dataclass(frozen=True, slots=True)
class _Answer:
    """The lines that a program wrote, by their first word. A board's word is checked before it is used."""

    device: DeviceUri
    lines: Mapping[str, tuple[str, ...]]

    @staticmethod
    def of(device: DeviceUri, text: str) -> _Answer:
        lines: dict[str, tuple[str, ...]] = {}
        for line in text.splitlines():
            word, _, rest = line.partition(" ")
            lines[word] = (*lines.get(word, ()), rest)
        return _Answer(device, lines)

    def number(self, word: str) -> int:
        """A whole number below 2^32. Raises DeviceError."""
        return int(self._one(word, _NUMBER))

    def ticks(self, word: str) -> tuple[int, ...]:
        """Counts of ticks, one a line. Raises DeviceError where there is none."""
        texts = self.lines.get(word, ())
        if not texts or not all(_TICKS.fullmatch(text) for text in texts):
            raise self.nonsense(word)
        return tuple(int(text, 16) for text in texts)

    def arrays(self, wanted: tuple[tuple[np.dtype[Any], tuple[int, ...]], ...]) -> list[Array]:
        """The outputs, each of the type and shape that is wanted. Raises DeviceError."""
        texts = self.lines.get("output", ())
        if len(texts) != len(wanted):
            raise self.nonsense("output")
        found = []
        for text, (dtype, shape) in zip(texts, wanted, strict=True):
            try:
                found.append(np.frombuffer(binascii.unhexlify(text), dtype).reshape(shape))
            except ValueError as error:
                raise self.nonsense("output") from error
        return found

    def nonsense(self, word: str) -> DeviceError:
        """The error for a line that cannot be read."""
        said = printable(" ".join(self.lines.get(word, ("nothing",))), 60)
        return DeviceError(f"{self.device}: the firmware's answer for {word!r} makes no sense: {said}")

    def _one(self, word: str, pattern: re.Pattern[str]) -> str:
        texts = self.lines.get(word, ())
        if len(texts) != 1 or not pattern.fullmatch(texts[0]):
            raise self.nonsense(word)
        return texts[0]


@dataclass(frozen=True, slots=True, eq=False)
class _Visit:
    """A board that is open, with the bundle's network in its firmware."""

    bundle: Bundle
    device: DeviceUri
    transport: FramedTransport
    options: CheckOptions

    def facts(self) -> _Answer:
        """What the firmware says of its network, which begins anew."""
        return self._run(["model"])

    def require_network(self) -> None:
        """Raises DeviceError where the firmware has no network, or another."""
        hint = "`edgekit firmware BUNDLE` builds one that has it: see docs/microcontrollers.md"
        try:
            facts = self.facts()
        except DeviceError as error:
            if "no such program" in error.message:
                raise DeviceError(f"{self.device}: there is no network in the board's firmware", hint) from error
            raise
        wanted = sha256_bytes(self.bundle.model_bytes)[:16]
        if facts.lines.get("digest") != (wanted,):
            raise DeviceError(f"{self.device}: the network in the board's firmware is not that of the bundle", hint)

    def samples(self) -> list[_Answer]:
        """The answers to the golden samples, in order, from the network's beginning on."""
        self.facts()
        golden = self.bundle.golden
        count = golden.count if golden else 0
        return [self._run(["infer"], self._input(i)) for i in range(count)]

    def layers(self, facts: _Answer) -> tuple[LayerCount, ...]:
        """What each layer takes of the first golden sample."""
        self.facts()
        answer = self._run(["layers"], self._input(0))
        found = [_LAYER.fullmatch(text) for text in answer.lines.get("layer", ())]
        rows = [(match[2], int(match[1]), int(match[3], 16)) for match in found if match]
        if not rows or len(rows) < len(found):
            raise answer.nonsense("layer")
        hz = facts.number("hz")
        nothing = _in_instructions(rows[0][2], hz)  # the first is what the counting itself takes of each call
        counted = ((name, _in_instructions(ticks, hz) - calls * nothing) for name, calls, ticks in rows[1:])
        return tuple(LayerCount(name, kind, count) for (name, kind), count in map(_named, counted))

    def latency(self, facts: _Answer) -> Latency | None:
        """Times of many inferences of the first golden sample by the board's counter; None where it stands still."""
        runs = self.options.runs or _TIMED_RUNS
        empty, hz = facts.ticks("empty")[0], facts.number("hz")
        answer = self._run(["infer", str(runs)], self._input(0))
        times = [(ticks - empty) * 1e6 / hz for ticks in answer.ticks("ticks")]
        return summarise(times, 0) if hz and min(times) > 0 else None

    def measurement(self, answers: list[_Answer], firmware: Firmware, conditions: Conditions) -> Measurement:
        """The answers, judged, with what was counted."""
        bundle = self.bundle
        golden, spec = bundle.golden, bundle.manifest.golden
        if golden is None or spec is None:  # cannot be: `check_bundle` has looked
            raise DeviceError(f"{self.device}: there are no golden samples")
        found = self._outputs(answers)
        total = len(read(bundle.model_bytes).main.ops)
        return Measurement(
            device=str(self.device),
            target=bundle.manifest.target.name,
            model_sha256=sha256_bytes(bundle.model_bytes),
            latency=None,
            init_us=None,
            first_inference_us=None,
            memory=None,
            profile=Profile((), ""),
            parity=judge_parity(golden.outputs, found, spec.bounds, Kernels.REFERENCE.value),
            conditions=conditions,
            placement=Placement("", 0, total, (), RUNTIME),
            firmware=firmware,
        )

    def _outputs(self, answers: list[_Answer]) -> dict[str, Array]:
        """By output's name, (samples, *shape)."""
        model = read(self.bundle.model_bytes)
        tensors = model.main.outputs
        wanted = tuple((np.dtype(t.dtype.numpy), tuple(t.shape)) for t in tensors)
        rows = [answer.arrays(wanted) for answer in answers]
        names = _names(model)
        return {names[id(tensor)]: np.stack([row[i] for row in rows]) for i, tensor in enumerate(tensors)}

    def _input(self, sample: int) -> bytes:
        """All inputs of a golden sample, in the graph's order."""
        model, golden = read(self.bundle.model_bytes), self.bundle.golden
        names = {id(port.tensor): port.name for port in model.inputs()}
        arrays = golden.inputs if golden else {}
        return b"".join(np.ascontiguousarray(arrays[names[id(t)]][sample]).tobytes() for t in model.main.inputs)

    def _run(self, argv: list[str], stdin: bytes = b"") -> _Answer:
        result = self.transport.run(argv, self.options.timeout_s, stdin)
        if result.exit_code:
            said = printable(result.stderr.strip()) or f"exit code {result.exit_code}"
            how = "a fault ended the network" if result.exit_code < 0 else "the firmware refused"
            raise DeviceError(f"{self.device}: {how}: {said}")
        return _Answer.of(self.device, result.stdout)


def _named(counted: tuple[str, int]) -> tuple[tuple[str, str], int]:
    """A layer's own name and its operator's: the firmware gives `CONV_2D the/name`."""
    kind, _, name = printable(counted[0]).partition(" ")
    return (name or kind, kind), counted[1]


def _names(model: Model) -> dict[int, str]:
    return {id(port.tensor): port.name for port in model.outputs()}


def _instructions(answer: _Answer, facts: _Answer, device: DeviceUri, word: str = "ticks") -> int:
    """Instructions of a call, without those of measuring it."""
    hz = facts.number("hz")
    found = _in_instructions(answer.ticks(word)[0], hz) - _in_instructions(facts.ticks("empty")[0], hz)
    if found < 0:
        raise answer.nonsense(word)
    return found


def _in_instructions(ticks: int, hz: int) -> int:
    """Every instruction takes INSTRUCTION_NS of virtual time."""
    return round(ticks * 1_000_000_000 / (max(hz, 1) * INSTRUCTION_NS))


def _emulator() -> str:
    return f"emulated: QEMU {qemu_version()}"


def _conditions(core: str, transport_board: str, emulated: str) -> Conditions:
    return Conditions(
        cpu=core,
        machine=transport_board,
        system="none",
        cores=1,
        governor="",
        threads=1,
        kernels=Kernels.REFERENCE.value,
        runtime=RUNTIME,
        runtime_version=__version__,
        python="",
        taken_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        board=transport_board,
        emulated=emulated,
        before=Health(),
        after=Health(),
    )
