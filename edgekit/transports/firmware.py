"""The agent firmware for the boards that QEMU emulates: built on first use, kept by content.

Machine facts: Arm AN385, AN386, AN500 and AN547 application notes and QEMU's hw/arm/mps2.c and mps2-tz.c.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from edgekit.core import process
from edgekit.core.cache import Cache, default_cache_folder
from edgekit.core.errors import DeviceError, MissingError
from edgekit.core.files import sha256_tree

SOURCES = Path(__file__).with_name("agent")
COMPILER = "arm-none-eabi-gcc"
STORE_BYTES = 256 << 10
"""Room for files: the emulated UART takes about 25 to 80 kB/s, so this is ten seconds of it at worst."""
STACK_BYTES = 16 << 10
_BUILD_S = 120.0
_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion")


@dataclass(frozen=True, slots=True)
class Machine:
    """A board of QEMU that the agent is made for.

    Args:
        name: as qemu-system-arm calls it.
        core: in words.
        flags: compiler options of the core.
        code_at, code_bytes: where the code lies.
        data_at, data_bytes: where variables and stacks lie.
        store_at: memory for files, STORE_BYTES of it.
        uart_at: the serial port's registers; `uart_irq` is its interrupt for a received byte.
        hz: the core's clock.
    """

    name: str
    core: str
    flags: tuple[str, ...]
    code_at: int = 0
    code_bytes: int = 4 << 20
    data_at: int = 0x20000000
    data_bytes: int = 4 << 20
    store_at: int = 0x21000000
    uart_at: int = 0x40004000
    uart_irq: int = 0
    hz: int = 25_000_000


MACHINES = (
    Machine("mps2-an385", "Cortex-M3", ("-mcpu=cortex-m3",)),
    Machine("mps2-an386", "Cortex-M4F", ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")),
    Machine(
        "mps2-an500",
        "Cortex-M7",
        ("-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
        store_at=0x60000000,
    ),
    Machine(
        "mps3-an547",
        "Cortex-M55",
        ("-mcpu=cortex-m55", "-mfloat-abi=hard"),
        code_at=0x10000000,
        code_bytes=512 << 10,
        data_at=0x30000000,
        data_bytes=512 << 10,
        store_at=0x60000000,
        uart_at=0x59303000,
        uart_irq=33,
        hz=32_000_000,
    ),
)


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
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise MissingError(
            f"building the firmware of {machine.name} needs {COMPILER}, which is not installed",
            "sudo apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
        )
    version = process.run([compiler, "-dumpfullversion"], timeout_s=_BUILD_S).stdout.strip()
    key = {"machine": repr(machine), "sources": sha256_tree(SOURCES), "compiler": version, "options": _options(machine)}
    store = cache or Cache(default_cache_folder())
    return store.get("mcu-agent", key, lambda folder: _build(compiler, machine, folder)) / "agent.elf"


def _build(compiler: str, machine: Machine, folder: Path) -> None:
    sources = sorted(SOURCES.glob("*.c"))
    words: list[str | Path] = [compiler, *_options(machine), "-T", SOURCES / "link.ld"]
    words += [*sources, "-o", folder / "agent.elf"]
    done = process.run(words, timeout_s=_BUILD_S)
    done.require(f"{COMPILER} for {machine.name}", DeviceError, "Is libnewlib-arm-none-eabi installed?")


def _options(machine: Machine) -> list[str]:
    defines = {
        "BOARD_NAME": f'"{machine.name}"',
        "BOARD_EMULATED": '"qemu-system-arm"',
        "BOARD_HZ": f"{machine.hz}u",
        "UART_BASE": f"{machine.uart_at:#x}u",
        "UART_IRQ": f"{machine.uart_irq}u",
    }
    symbols = {
        "code_at": machine.code_at,
        "code_size": machine.code_bytes,
        "data_at": machine.data_at,
        "data_size": machine.data_bytes,
        "store_at": machine.store_at,
        "store_size": STORE_BYTES,
        "program_stack_size": STACK_BYTES,
    }
    return [
        *("-std=c99", "-O2", "-g", "-mthumb", *machine.flags, *_WARNINGS),
        *("-ffunction-sections", "-fdata-sections", "-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs"),
        *(f"-D{name}={value}" for name, value in defines.items()),
        *("-Wl,--gc-sections", *(f"-Wl,--defsym={name}={value:#x}" for name, value in symbols.items())),
    ]
