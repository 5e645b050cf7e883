"""The agent firmware for the boards that QEMU emulates: built on first use, kept by content.

Machine facts: Arm AN385, AN386, AN500 and AN547 application notes and QEMU's hw/arm/mps2.c and mps2-tz.c.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekit.core.cache import Cache, default_cache_folder
from edgekit.core.errors import DeviceError
from edgekit.core.files import sha256_file, sha256_tree
from edgekit.core.toolchain import (
    M0PLUS,
    M3,
    M4,
    M4F,
    M7,
    M7SP,
    M33,
    M55,
    Core,
    Family,
    Toolchain,
    Wanted,
    find_toolchain,
)

SOURCES = Path(__file__).with_name("agent")
FREESTANDING = SOURCES / "freestanding"
STORE_BYTES = 256 << 10
"""Room for files: the emulated UART takes about 25 to 80 kB/s, so this is ten seconds of it at worst."""
LARGE_BYTES = 12 << 20
"""Room for a network's constants and arena."""
STACK_BYTES = 16 << 10
_EVERYWHERE = ("-std=c99", "-g", "-ffunction-sections", "-fdata-sections", "-ffp-contract=off")
_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion")


@dataclass(frozen=True, slots=True)
class Machine:
    """A board of QEMU that the agent is made for.

    Args:
        name: as qemu-system-arm calls it.
        processor: its core, as compilers know it.
        code_at, code_bytes: where the code lies.
        data_at, data_bytes: where variables and stacks lie.
        store_at: memory for files, STORE_BYTES of it, and behind it LARGE_BYTES for a network.
        uart_at: the serial port's registers; `uart_irq` is its interrupt for a received byte.
        hz: the core's clock.
        counter_at: the system counter's registers; 0 where the board has a timer instead.
    """

    name: str
    processor: Core
    code_at: int = 0
    code_bytes: int = 4 << 20
    data_at: int = 0x20000000
    data_bytes: int = 4 << 20
    store_at: int = 0x21000000
    uart_at: int = 0x40004000
    uart_irq: int = 0
    hz: int = 25_000_000
    counter_at: int = 0

    @property
    def core(self) -> str:
        """The core in words."""
        return self.processor.name


MACHINES = (
    Machine("mps2-an385", M3),
    Machine("mps2-an386", M4F),
    Machine("mps2-an500", M7, store_at=0x60000000),
    Machine(
        "mps3-an547",
        M55,
        code_at=0x10000000,
        code_bytes=512 << 10,
        data_at=0x30000000,
        data_bytes=512 << 10,
        store_at=0x60000000,
        uart_at=0x59303000,
        uart_irq=33,
        hz=32_000_000,
        counter_at=0x58100000,
    ),
)


def machine_with(core: Core) -> Machine | None:
    """A machine that runs the instructions of `core`: its own, or a core that has them all; None where there is none.

    A Cortex-M3 runs what a Cortex-M0+ does (Armv7-M contains Armv6-M), a Cortex-M55 what a Cortex-M33 does.
    """
    like = {M0PLUS: M3, M4: M4F, M7SP: M7, M33: M55}.get(core, core)
    return next((machine for machine in MACHINES if machine.processor == like), None)


def machine_named(name: str) -> Machine:
    """The machine called `name`. Raises DeviceError for one that the agent is not made for."""
    for machine in MACHINES:
        if machine.name == name:
            return machine
    known = ", ".join(machine.name for machine in MACHINES)
    raise DeviceError(f"qemu:{name}: there is no agent for the machine {name}", f"known: {known}")


def agent_image(machine: Machine, cache: Cache | None = None) -> Path:
    """The ELF file of the agent for `machine`, from the cache or built now.

    Raises MissingError where the cross compiler is missing, DeviceError where it fails.
    """
    compiler = find_toolchain()
    objects = agent_objects(machine, compiler, cache)

    def make(folder: Path) -> None:
        placed = folder / "placed.ld"
        placed.write_text(memory_of(machine) + (SOURCES / "link.ld").read_text())
        link(compiler, machine.processor, placed, objects, folder / "agent.elf")
        placed.unlink()

    key = {"objects": [sha256_file(path) for path in objects], "memory": memory_of(machine), **_key(machine, compiler)}
    return (cache or Cache(default_cache_folder())).get("mcu-agent", key, make) / "agent.elf"


def agent_objects(machine: Machine, compiler: Toolchain, cache: Cache | None = None) -> list[Path]:
    """The agent's compiled files, with the C library where the compiler has none. Errors as `agent_image`."""
    sources = sorted(SOURCES.glob("*.c")) + sorted((SOURCES / "model").glob("counter*.c"))
    options = [*_options(machine), "-I", str(SOURCES)]

    def make(folder: Path) -> None:
        compile_into(folder, compiler, machine.processor, [*options, *map(str, sources)])

    key = {**_key(machine, compiler), "options": _options(machine)}
    folder = (cache or Cache(default_cache_folder())).get("mcu-objects", key, make)
    return sorted(folder.glob("*.o"))


def compile_into(folder: Path, compiler: Toolchain, core: Core, words: list[str]) -> None:
    """Compile C files, each to an object in `folder`. Raises DeviceError with the compiler's first complaint."""
    options = [*compiler.options_of(core), *_EVERYWHERE, *_WARNINGS, *_headers(compiler), *words]
    compiler.build([*options, "-c"], Wanted(core.name, DeviceError), folder)


def link(compiler: Toolchain, core: Core, script: Path, objects: list[Path], target: Path) -> None:
    """Link a program. Raises DeviceError with the linker's first complaint."""
    words: list[str | Path] = [*compiler.options_of(core), *_EVERYWHERE, "-Wl,--gc-sections", "-T", script, *objects]
    compiler.build([*words, *library_of(compiler), "-o", target], Wanted(core.name, DeviceError))


def library_of(compiler: Toolchain) -> tuple[str | Path, ...]:
    """The C library: the compiler's own, or ours where it has none. To stand behind the sources."""
    if compiler.family is Family.GCC:
        return ("-nostartfiles", "--specs=nosys.specs", "-lm")
    return (*_headers(compiler), FREESTANDING / "library.c")


def memory_of(machine: Machine) -> str:
    """Where everything lies, as the linker's scripts want it."""
    symbols = {
        "code_at": machine.code_at,
        "code_size": machine.code_bytes,
        "data_at": machine.data_at,
        "data_size": machine.data_bytes,
        "store_at": machine.store_at,
        "store_size": STORE_BYTES,
        "large_at": machine.store_at + (1 << 20),
        "large_size": LARGE_BYTES,
        "program_stack_size": STACK_BYTES,
    }
    return "".join(f"{name} = {value:#x};\n" for name, value in symbols.items())


def _key(machine: Machine, compiler: Toolchain) -> dict[str, object]:
    return {"machine": repr(machine), "sources": sha256_tree(SOURCES), "compiler": compiler.title}


def _headers(compiler: Toolchain) -> tuple[str, ...]:
    return () if compiler.family is Family.GCC else ("-I", str(FREESTANDING))


def _options(machine: Machine) -> list[str]:
    defines = {
        "BOARD_NAME": f'"{machine.name}"',
        "BOARD_EMULATED": '"qemu-system-arm"',
        "BOARD_HZ": f"{machine.hz}u",
        "UART_BASE": f"{machine.uart_at:#x}u",
        "UART_IRQ": f"{machine.uart_irq}u",
    }
    if machine.counter_at:
        defines["SYSTEM_COUNTER_BASE"] = f"{machine.counter_at:#x}u"
    return ["-O2", *(f"-D{name}={value}" for name, value in defines.items())]
