"""A board of one's own: what its description says, and the agent firmware with a network for it."""

from __future__ import annotations

import re
import shutil
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import UsageError
from edgekit.core.files import read_bytes
from edgekit.core.toolchain import M3, M4, M4F, M7, M7SP, M33, M55, Core, find_toolchain
from edgekit.transports.firmware import SOURCES, compile_into
from edgekit.transports.network_firmware import MODEL, Network, link_network

CORES = {"Cortex-M3": M3, "Cortex-M4": M4, "Cortex-M4F": M4F, "Cortex-M7": M7, "Cortex-M7F": M7SP,
         "Cortex-M33": M33, "Cortex-M55": M55}  # fmt: skip
"""What `core` may be; the agent's start-up and faults are those of Armv7-M and later."""
_MEMORY = ("code_at", "code_bytes", "data_at", "data_bytes", "store_at", "store_bytes", "stack_bytes")
_TEXTS = ("name", "core", "source", "pyocd_target")
_MACRO = re.compile(r"[A-Z][A-Z0-9_]*")
_VALUE = re.compile(r"[A-Za-z0-9_x().+*-]+")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_FOR_QEMU = ("board_mps.c", "counter_mps.c")
_FRAME = "FRAME_PAYLOAD_BYTES"
_FRAME_BYTES = "512u"


@dataclass(frozen=True, slots=True)
class OwnBoard:
    """What a board's description (a .toml file) says.

    Attributes:
        name: as the firmware calls it.
        core: as compilers know it.
        hz: of the core, for its cycle counter and the timer.
        source: a C file with the functions of `agent/board.h`.
        memory: addresses and sizes, in the order of the linker script's symbols.
        defines: macros for `source`.
        pyocd_target: pyOCD's name of the chip; empty where it is flashed by something else.
    """

    name: str
    core: Core
    hz: int
    source: Path
    memory: tuple[int, ...]
    defines: tuple[tuple[str, str], ...]
    pyocd_target: str


def read_board(path: Path) -> OwnBoard:
    """The description at `path`. Raises UsageError that names the key that is wrong, StorageError."""
    try:
        found = tomllib.loads(read_bytes(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    known = (*_TEXTS, "hz", *_MEMORY, "define")
    for key in found:
        if key not in known:
            raise UsageError(f"{path}: there is no key {key!r}", f"known: {', '.join(known)}")
    texts = {key: _text(path, found, key) for key in _TEXTS}
    if texts["core"] not in CORES:
        raise UsageError(f"{path}: core is {texts['core']!r}", f"known: {', '.join(CORES)}")
    if not _NAME.fullmatch(texts["name"]):
        raise UsageError(f"{path}: name is {texts['name']!r}; up to 40 letters, digits and _ . - are one")
    source = path.parent / texts["source"]
    if not source.is_file():
        raise UsageError(f"{path}: there is no {source}", "a C file with the functions of board.h")
    memory = tuple(_number(path, found, key) for key in _MEMORY)
    hz = _number(path, found, "hz")
    return OwnBoard(
        texts["name"], CORES[texts["core"]], hz, source, memory, _defines(path, found), texts["pyocd_target"]
    )


def own_image(board: OwnBoard, network: Network, target: Path) -> None:
    """Build the firmware of `board` with `network` into `target`, an ELF file.

    Raises MissingError without a compiler, DeviceError where it or the linker complains.
    """
    compiler = find_toolchain()
    sources = [p for p in (*sorted(SOURCES.glob("*.c")), MODEL / "counter.c") if p.name not in _FOR_QEMU]
    defines = {_FRAME: _FRAME_BYTES, **dict(board.defines)}
    defines |= {"BOARD_NAME": f'"{board.name}"', "BOARD_EMULATED": '""', "BOARD_HZ": f"{board.hz}u"}
    words = ["-O2", "-I", str(SOURCES), *(f"-D{name}={value}" for name, value in defines.items())]
    with tempfile.TemporaryDirectory(prefix="edgekit-firmware-") as name:
        folder, objects = Path(name) / "linked", Path(name) / "objects"
        folder.mkdir()
        objects.mkdir()
        compile_into(objects, compiler, board.core, [*words, *map(str, sources), str(board.source.resolve())])
        script = _memory(board) + (SOURCES / "link.ld").read_text()
        link_network(compiler, network, script, sorted(objects.glob("*.o")), folder)
        shutil.copyfile(folder / "agent.elf", target)


def _memory(board: OwnBoard) -> str:
    names = ("code_at", "code_size", "data_at", "data_size", "store_at", "store_size", "program_stack_size")
    return "".join(f"{name} = {value:#x};\n" for name, value in zip(names, board.memory, strict=True))


def _text(path: Path, found: dict[str, object], key: str) -> str:
    value = found.get(key, "" if key == "pyocd_target" else None)
    if not isinstance(value, str):
        raise UsageError(f"{path}: {key} is {'missing' if value is None else 'no text'}")
    return value


def _number(path: Path, found: dict[str, object], key: str) -> int:
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise UsageError(f"{path}: {key} is {'missing' if value is None else 'no number from 0 to 2^32'}")
    return value


def _defines(path: Path, found: dict[str, object]) -> tuple[tuple[str, str], ...]:
    table = found.get("define", {})
    if not isinstance(table, dict):
        raise UsageError(f"{path}: define is no table")
    for name, value in table.items():
        if not _MACRO.fullmatch(name) or not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise UsageError(f"{path}: define.{name} is no macro", 'write it as USART_AT = "0x40008000u"')
    return tuple((name, str(value)) for name, value in table.items())
