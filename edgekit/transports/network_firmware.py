"""The agent firmware with a network in it: generated C and the programs that run and count it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.cache import Cache, default_cache_folder
from edgekit.core.files import sha256_bytes, sha256_file
from edgekit.core.toolchain import Core, Toolchain, find_toolchain
from edgekit.transports.firmware import SOURCES, Machine, agent_objects, compile_into, link, memory_of

MODEL = SOURCES / "model"


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Generated C to put into a firmware.

    Attributes:
        name: what the firmware calls it.
        digest: the start of the model's SHA-256, by which a host knows the network again.
        files: name -> content of the sources and headers.
        input_bytes: of all inputs together.
        core: for which it is compiled.
        optimize: the compiler's level, such as "-O2".
        by_layer: whether layers are counted, which costs a little between them.
    """

    name: str
    digest: str
    files: Mapping[str, bytes]
    input_bytes: int
    core: Core
    optimize: str = "-O2"
    by_layer: bool = False

    def defines(self) -> dict[str, str]:
        """Macros of the sources in `agent/model`."""
        found = {
            "MODEL_NAME": f'"{self.name}"',
            "MODEL_DIGEST": f'"{self.digest}"',
            "MODEL_INPUT_BYTES": f"{self.input_bytes}u",
        }
        return found | ({"EK_LAYER_HOOK": "1"} if self.by_layer else {})


def network_image(machine: Machine, network: Network, cache: Cache | None = None) -> Path:
    """The ELF file of the agent with `network` for `machine`, from the cache or built now.

    Raises MissingError where the cross compiler is missing, DeviceError where it fails.
    """
    compiler, store = find_toolchain(), cache or Cache(default_cache_folder())
    objects = agent_objects(machine, compiler, store)

    def make(folder: Path) -> None:
        link_network(compiler, network, memory_of(machine) + (MODEL / "link.ld").read_text(), objects, folder)

    key = {
        "files": {name: sha256_bytes(data) for name, data in sorted(network.files.items())},
        "network": [network.name, network.input_bytes, network.optimize, network.defines(), repr(network.core)],
        "objects": [sha256_file(path) for path in (*objects, *sorted(MODEL.iterdir()))],
        "compiler": compiler.title,
        "memory": memory_of(machine),
    }
    return store.get("mcu-network", key, make) / "agent.elf"


def link_network(compiler: Toolchain, network: Network, script: str, objects: list[Path], folder: Path) -> None:
    """`folder/agent.elf` from the agent's `objects` and the network, by a linker script; nothing else is left there."""
    sources, built = folder / "c", folder / "o"
    built.mkdir()
    for name, data in network.files.items():
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_bytes(data)
    words = [network.optimize, *(f"-D{name}={value}" for name, value in network.defines().items())]
    words += ["-I", str(SOURCES), "-I", str(MODEL), "-I", str(sources)]
    words += [str(path) for path in (*sorted(sources.rglob("ek_*.c")), MODEL / "model.c", MODEL / "mlperf.c")]
    compile_into(built, compiler, network.core, words)
    placed = built / "placed.ld"
    placed.write_text(script)
    link(compiler, network.core, placed, [*objects, *sorted(built.glob("*.o"))], folder / "agent.elf")
    shutil.rmtree(sources)
    shutil.rmtree(built)
