"""Whether a network fits a microcontroller, before anything is flashed: flash, RAM, instructions, and a time."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace

from edgekit.codegen.cores import core_of
from edgekit.codegen.footprint import Built, Footprint, build_least
from edgekit.codegen.plan.picture import ArenaPicture
from edgekit.core.errors import DeviceError, MissingError, ModelError
from edgekit.core.toolchain import Core, find_toolchain
from edgekit.core.units import format_bytes, format_us
from edgekit.measure.causes import FLASH_HELP, RAM_HELP, flash_causes, ram_causes
from edgekit.measure.estimate import Estimate, estimate
from edgekit.measure.firmware_session import FirmwareSession, instructions
from edgekit.measure.microcontroller import network_named
from edgekit.targets.target import Target
from edgekit.transports.firmware import Machine, machine_with
from edgekit.transports.qemu import PROGRAM, PROGRAM_COMMAND, network_transport, qemu_version
from edgekit.transports.uri import parse_device

_RUN_S = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class FitJob:
    """A network to fit on a target.

    Attributes:
        sources: name -> content of its C.
        layers: `CONV_2D the/name` of each layer, in the order in which they run.
        inputs: of one sample, all, one after another; any will do.
        level: the compiler's, such as "-O2".
    """

    name: str
    model: bytes
    target: Target
    sources: Mapping[str, bytes]
    layers: tuple[str, ...]
    picture: ArenaPicture
    inputs: bytes
    level: str


@dataclass(frozen=True, slots=True)
class Fit:
    """What was found; None for what could not be, and a note that says why.

    Attributes:
        stack_bytes: the most that an inference needs, as a painted stack shows.
        instructions: of an inference.
        counted: on which emulated machine.
        time: an estimate from the instructions, where the target has a clock.
        flash_causes, ram_causes: the three largest of each, largest first.
    """

    footprint: Footprint | None = None
    stack_bytes: int | None = None
    instructions: int | None = None
    counted: str = ""
    time: Estimate | None = None
    flash_causes: tuple[str, ...] = ()
    ram_causes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def flash_bytes(self) -> int | None:
        """Code and constants."""
        return self.footprint.flash_bytes if self.footprint else None

    @property
    def ram_bytes(self) -> int | None:
        """Arena, variables and stack; None where the stack is not known."""
        if self.footprint is None or self.stack_bytes is None:
            return None
        return self.footprint.arena_bytes + self.footprint.static_bytes + self.stack_bytes

    def gate_values(self) -> dict[str, float | None]:
        """Key of a budget -> number."""
        flash, ram = self.flash_bytes, self.ram_bytes
        return {"flash_kib": flash / 1024 if flash else None, "ram_kib": ram / 1024 if ram else None}

    def gate_notes(self) -> dict[str, str]:
        """Key of a budget -> what its number is."""
        return {
            "flash_kib": "code and constants of the least program with the network in it",
            "ram_kib": f"arena, other variables, and the stack on {self.counted}",
        }

    def remedies(self) -> dict[str, str]:
        """Key of a budget -> the largest causes and what would help."""
        return {
            "flash_kib": f"most of it: {', '.join(self.flash_causes)}; less with {FLASH_HELP}",
            "ram_kib": f"most of it: {', '.join(self.ram_causes)}; less with {RAM_HELP}",
        }

    def facts(self) -> tuple[tuple[str, str], ...]:
        """Labels and words for the report."""
        rows = []
        if self.footprint is not None:
            made = self.footprint
            parts = f"{format_bytes(made.code_bytes)} code, {format_bytes(made.constants_bytes)} constants"
            rows.append(("flash", f"{format_bytes(made.flash_bytes)}: {parts}"))
            stack = "" if self.stack_bytes is None else f", {format_bytes(self.stack_bytes)} stack"
            beside = f"{format_bytes(made.arena_bytes)} arena, {format_bytes(made.static_bytes)} variables"
            total = "" if self.ram_bytes is None else f"{format_bytes(self.ram_bytes)}: "
            rows.append(("RAM", f"{total}{beside}{stack}"))
        if self.instructions is not None:
            rows.append(("instructions", f"{self.instructions:,} an inference, counted on {self.counted}"))
        if self.time is not None:
            between = f"{format_us(self.time.low_ms * 1000)} to {format_us(self.time.high_ms * 1000)}"
            rows.append(("time", f"{between}, {self.time.how}; wait states of its flash come on top"))
        if self.footprint is not None:
            rows.append(("compiled", f"{self.footprint.compiler} {self.footprint.options}"))
        return tuple(rows)

    def record(self) -> dict[str, object]:
        """The numbers, for the bundle's manifest."""
        made = self.footprint
        return {
            "flash_bytes": self.flash_bytes,
            "code_bytes": made.code_bytes if made else None,
            "constants_bytes": made.constants_bytes if made else None,
            "ram_bytes": self.ram_bytes,
            "arena_bytes": made.arena_bytes if made else None,
            "static_bytes": made.static_bytes if made else None,
            "stack_bytes": self.stack_bytes,
            "instructions": self.instructions,
            "counted": self.counted,
            "latency_low_ms": self.time.low_ms if self.time else None,
            "latency_high_ms": self.time.high_ms if self.time else None,
            "compiler": f"{made.compiler} {made.options}" if made else "",
        }


def fit(job: FitJob) -> Fit:
    """Compile, link, count and run `job` as far as this machine can; what it lacks is in the notes."""
    core = core_of(job.target)
    if core is None:
        name = job.target.cpu.cores[0].name if job.target.cpu.cores else "unknown"
        arena = format_bytes(job.picture.arena_bytes)
        why = f"no compiler here knows the core {name}, so flash and RAM are not measured; the arena is {arena}"
        return Fit(notes=(f"{why}: build `c/` with the chip's own tools",))
    try:
        compiler = find_toolchain()
    except MissingError as error:
        arena = format_bytes(job.picture.arena_bytes)
        return Fit(notes=(f"flash and RAM are not measured (the arena is {arena}): {error.message}: {error.hint}",))
    try:
        built = build_least(job.sources, core, job.level, compiler)
    except ModelError as error:
        return Fit(notes=(f"flash and RAM are not measured: {error.message}",))
    counted = _counted(Fit(footprint=built.footprint), job, core)
    return replace(
        counted,
        flash_causes=flash_causes(built.footprint, built.constants_by_layer, job.layers),
        ram_causes=_ram_causes(job, built, counted.stack_bytes or 0),
    )


def _ram_causes(job: FitJob, built: Built, stack_bytes: int) -> tuple[str, ...]:
    return ram_causes(job.picture, stack_bytes, built.footprint.static_bytes)


def _counted(found: Fit, job: FitJob, core: Core) -> Fit:
    """With the stack, the instructions and a time, where the core can be emulated here."""
    machine = machine_with(core)
    if machine is None or shutil.which(PROGRAM) is None:
        return replace(found, notes=(f"the stack and instructions are not measured without QEMU: {PROGRAM_COMMAND}",))
    try:
        stack_bytes, count = _run(job, core, machine)
    except DeviceError as error:
        return replace(found, notes=(f"the stack and instructions are not measured: {error.message}",))
    ghz = job.target.cpu.cores[0].ghz
    where = f"an emulated {machine.core} (QEMU {qemu_version()}, {machine.name})"
    if machine.core != core.name:
        where += f", which runs what is compiled for a {core.name}"
    time = estimate(count, core, ghz) if ghz else None
    return replace(found, stack_bytes=stack_bytes, instructions=count, counted=where, time=time)


def _run(job: FitJob, core: Core, machine: Machine) -> tuple[int, int]:
    """Stack in bytes and instructions of one inference."""
    device = parse_device(f"qemu:{machine.name}")
    network = network_named(job.name, job.model, job.sources, core, job.level)
    with network_transport(device, network) as transport:
        session = FirmwareSession(device, transport, _RUN_S)
        facts = session.begin()
        answer = session.infer(job.inputs)
        return answer.number("stack"), instructions(answer, facts)
