"""The firmware for the boards that QEMU emulates, with a network or without: built on first use, kept by content.

Machine facts: Arm AN385, AN386, AN500 and AN547 application notes and QEMU's hw/arm/mps2.c and mps2-tz.c.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.cache import Cache, default_cache_folder
from edgekit.core.errors import DeviceError
from edgekit.core.files import sha256_bytes, sha256_tree
from edgekit.core.toolchain import M3, M4F, M7, M55, Core, Family, Toolchain, Wanted, find_toolchain

SOURCES = Path(__file__).with_name("agent")
FREESTANDING = SOURCES / "freestanding"
STORE_BYTES = 256 << 10
"""Room for files: the emulated UART takes about 25 to 80 kB/s, so this is ten seconds of it at worst."""
LARGE_BYTES = 12 << 20
"""Room for a network's constants and arena."""
STACK_BYTES = 16 << 10
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


def machine_named(name: str) -> Machine:
    """The machine called `name`. Raises DeviceError for one that the agent is not made for."""
    for machine in MACHINES:
        if machine.name == name:
            return machine
    known = ", ".join(machine.name for machine in MACHINES)
    raise DeviceError(f"qemu:{name}: there is no agent for the machine {name}", f"known: {known}")


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Generated C to put into a firmware.

    Attributes:
        name: what the firmware calls it.
        digest: the start of the model's SHA-256, by which a host knows the network again.
        files: name -> content of the sources and headers of the bundle's `c/`.
        input_bytes: of all inputs together.
        optimize: the compiler's level, such as "-O2".
        by_layer: whether layers are counted, which costs a little between them.
    """

    name: str
    digest: str
    files: Mapping[str, bytes]
    input_bytes: int
    optimize: str = "-O2"
    by_layer: bool = False

    def key(self) -> dict[str, object]:
        """What an image depends on."""
        hashes = {name: sha256_bytes(data) for name, data in sorted(self.files.items())}
        return {"files": hashes, "options": [self.name, self.digest, self.input_bytes, self.optimize, self.by_layer]}

    def defines(self) -> dict[str, str]:
        """Macros of the sources in `agent/model`."""
        found = {
            "MODEL_NAME": f'"{self.name}"',
            "MODEL_DIGEST": f'"{self.digest}"',
            "MODEL_INPUT_BYTES": f"{self.input_bytes}u",
        }
        return found | ({"EK_LAYER_HOOK": "1"} if self.by_layer else {})


def agent_image(machine: Machine, cache: Cache | None = None) -> Path:
    """The ELF file of the agent for `machine`, from the cache or built now.

    Raises MissingError where the cross compiler is missing, DeviceError where it fails.
    """
    return _image(machine, None, cache)


def network_image(machine: Machine, network: Network, cache: Cache | None = None) -> Path:
    """The ELF file of the agent with a network in it. Errors as `agent_image`."""
    return _image(machine, network, cache)


def _image(machine: Machine, network: Network | None, cache: Cache | None) -> Path:
    compiler = find_toolchain()
    options = _options(machine, compiler)
    key = {
        "machine": repr(machine),
        "sources": sha256_tree(SOURCES),
        "compiler": compiler.title,
        "options": options,
        "network": network.key() if network else None,
    }
    store = cache or Cache(default_cache_folder())
    work = _Build(compiler, machine, network)
    return store.get("mcu-agent", key, work.make) / "agent.elf"


@dataclass(frozen=True, slots=True)
class _Build:
    compiler: Toolchain
    machine: Machine
    network: Network | None

    def make(self, folder: Path) -> None:
        """Compile and link, from sources that are gone afterwards."""
        sources, script = sorted(SOURCES.glob("*.c")), SOURCES / "link.ld"
        words: list[str | Path] = [*_options(self.machine, self.compiler, self.network is not None)]
        if self.network is not None:
            script = SOURCES / "model" / "link.ld"
            sources += sorted((SOURCES / "model").glob("*.c"))
            for name, data in self.network.files.items():
                (folder / "c" / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / "c" / name).write_bytes(data)
            sources += sorted((folder / "c").rglob("ek_*.c"))
            words += [self.network.optimize, "-I", SOURCES, "-I", folder / "c"]
            words += [f"-D{name}={value}" for name, value in self.network.defines().items()]
        placed = folder / "placed.ld"
        placed.write_text(_memory(self.machine) + script.read_text())
        words += ["-T", placed, *sources, *library_of(self.compiler), "-o", folder / "agent.elf"]
        hint = "Is libnewlib-arm-none-eabi installed?" if self.compiler.family is Family.GCC else ""
        self.compiler.build(words, Wanted(self.machine.name, DeviceError, hint))
        placed.unlink()
        shutil.rmtree(folder / "c", ignore_errors=True)


def library_of(compiler: Toolchain) -> tuple[str | Path, ...]:
    """The C library: the compiler's own, or ours where it has none. To stand behind the sources."""
    if compiler.family is Family.GCC:
        return ("-nostartfiles", "--specs=nosys.specs", "-lm")
    return ("-I", FREESTANDING, FREESTANDING / "library.c")


def _options(machine: Machine, compiler: Toolchain, counting: bool = False) -> list[str]:
    defines = {
        "BOARD_NAME": f'"{machine.name}"',
        "BOARD_EMULATED": '"qemu-system-arm"',
        "BOARD_HZ": f"{machine.hz}u",
        "UART_BASE": f"{machine.uart_at:#x}u",
        "UART_IRQ": f"{machine.uart_irq}u",
        "HOST_GONE_US": "0xFFFFFFFFu" if counting else "30000000u",
    }
    if machine.counter_at:
        defines["SYSTEM_COUNTER_BASE"] = f"{machine.counter_at:#x}u"
    return [
        *("-std=c99", "-O2", "-g", *compiler.options_of(machine.processor), *_WARNINGS),
        *("-ffunction-sections", "-fdata-sections"),
        *(f"-D{name}={value}" for name, value in defines.items()),
        "-Wl,--gc-sections",
    ]


def _memory(machine: Machine) -> str:
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
