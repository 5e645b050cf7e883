"""Which benchmark_model goes to the phone, and whether it is one that the phone can run.

It is the official tool, which edgekit neither ships nor fetches: the one that is named, or $EDGEKIT_BENCHMARK_MODEL, or
the one that was kept in the user's cache, where its SHA-256 stands beside it and is compared each time.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.cache import default_cache_folder
from edgekit.core.errors import DeviceError, MissingError, UsageError
from edgekit.core.files import read_bytes, sha256_bytes, write_atomic

TOOL = "benchmark_model"
VARIABLE = "EDGEKIT_BENCHMARK_MODEL"
_ELF = b"\x7fELF"
_HEADER_BYTES = 64
_LIMIT_BYTES = 1 << 30
# e_machine -> Android's name of it (System V ABI, chapter 4; developer.android.com/ndk/guides/abis)
_ABIS = {183: "arm64-v8a", 40: "armeabi-v7a", 62: "x86_64", 3: "x86"}
_EXECUTABLE, _SHARED = 2, 3
_INTERPRETER = 3  # PT_INTERP
_LAB_MARK = b"edgekit's lab: runs like benchmark_model"
_LAB_PROGRAM = Path(__file__).resolve().parents[1] / "lab" / "benchmark_model.py"
_WHERE = (
    "get it from ai.google.dev/edge/litert/models/measurement (prebuilt, or built from google-ai-edge/LiteRT), then: "
    "edgekit devices setup adb:SERIAL --benchmark-model FILE"
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A program to push.

    Attributes:
        abi: Android's name of what it is built for; empty for the lab's program, which is a script.
        kept: whether it is from the user's cache.
    """

    path: Path
    data: bytes
    sha256: str
    abi: str
    kept: bool = False

    @property
    def of_the_lab(self) -> bool:
        """Whether this is the lab's program and not the official one."""
        return not self.abi


def find_tool(given: Path | None, abis: tuple[str, ...], lab: bool, device: str) -> Tool:
    """The tool for a phone that runs `abis`, best first.

    `lab` says that the phone is one of the lab's: such a phone takes the lab's program, and gets it where no tool is
    named and none is kept.
    Raises MissingError with where to get it, UsageError where the named or kept file is none, DeviceError for a tool
    that this phone cannot run.
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    tool = read_tool(named) if named is not None else next(filter(None, map(_kept, abis)), None)
    if tool is None and not lab:
        raise MissingError(f"{device}: there is no {TOOL} for {' or '.join(abis) or 'this phone'}", _WHERE)
    tool = tool or read_tool(_LAB_PROGRAM)
    _require_fit(tool, abis, lab, device)
    return tool


def keep_tool(source: Path) -> Path:
    """Copy a tool into the user's cache, where `find_tool` looks; gives the copy's path.

    Raises UsageError where it is no Android program, StorageError.
    """
    tool = read_tool(source)
    if tool.of_the_lab:
        raise UsageError(f"{source} is the lab's program, which is for emulated phones only and is not kept")
    target = _folder(tool.abi) / TOOL
    write_atomic(target, tool.data)
    target.chmod(0o755)
    write_atomic(target.with_suffix(".sha256"), f"{tool.sha256}  {TOOL}\n".encode())
    return target


def read_tool(path: Path) -> Tool:
    """A file as a tool. Raises UsageError where it is neither an Android program nor the lab's, StorageError."""
    if not path.is_file():
        raise UsageError(f"there is no {TOOL} at {path}", _WHERE)
    if path.stat().st_size > _LIMIT_BYTES:
        raise UsageError(f"{path} is larger than {_LIMIT_BYTES >> 20} MiB: this is no {TOOL}", _WHERE)
    data = read_bytes(path)
    return Tool(path, data, sha256_bytes(data), _abi(path, data))


def _kept(abi: str) -> Tool | None:
    """The tool in the cache for one ABI. Raises UsageError where it is not the one that was put there."""
    path = _folder(abi) / TOOL
    if not path.is_file():
        return None
    note = path.with_suffix(".sha256")
    words = read_bytes(note).decode("ascii", "replace").split() if note.is_file() else []
    tool = read_tool(path)
    if not words or words[0] != tool.sha256:
        raise UsageError(
            f"{path} is not the file that was kept: its SHA-256 is {tool.sha256}, not {words[0] if words else 'noted'}",
            "keep it again: edgekit devices setup adb:SERIAL --benchmark-model FILE",
        )
    return Tool(path, tool.data, tool.sha256, tool.abi, kept=True)


def _folder(abi: str) -> Path:
    return default_cache_folder() / TOOL / abi


def _require_fit(tool: Tool, abis: tuple[str, ...], lab: bool, device: str) -> None:
    if tool.of_the_lab and not lab:
        raise DeviceError(
            f"{device}: {tool.path} is the lab's program, and this phone is not one of the lab's",
            f"a real phone is measured with the official tool: {_WHERE}",
        )
    if not tool.of_the_lab and tool.abi not in abis:
        raise DeviceError(f"{device}: {tool.path} is built for {tool.abi}, the phone runs {', '.join(abis)}", _WHERE)


def _abi(path: Path, data: bytes) -> str:
    """The ABI of an Android program from its ELF header; empty for the lab's program. Raises UsageError."""
    if data.startswith(b"#!") and _LAB_MARK in data[:4096]:
        return ""
    problem = _problem(data)
    if problem:
        raise UsageError(f"{path} is no {TOOL} for Android: {problem}", _WHERE)
    return _ABIS[_machine(data)]


def _problem(data: bytes) -> str:
    """Why these bytes are no Android program; empty where they are one (ELF header: System V ABI, chapter 4)."""
    if len(data) < _HEADER_BYTES or not data.startswith(_ELF):
        return "it is no ELF file"
    if data[5] != 1:
        return "it is big-endian"
    if struct.unpack_from("<H", data, 16)[0] not in (_EXECUTABLE, _SHARED):
        return "it is no program"
    if _machine(data) not in _ABIS:
        return f"its machine is {_machine(data)}, which no Android phone has"
    linker = _interpreter(data)
    if linker and not linker.startswith(("/system/bin/linker", "/apex/")):
        return f"its loader is {linker}, as on a Linux machine"
    return ""


def _machine(data: bytes) -> int:
    return int(struct.unpack_from("<H", data, 18)[0])


def _interpreter(data: bytes) -> str:
    """The loader that the program asks for; empty where it needs none or the header is cut off."""
    wide = data[4] == 2
    table, size, count = (
        struct.unpack_from("<Q", data, 32)[0] if wide else struct.unpack_from("<I", data, 28)[0],
        *struct.unpack_from("<HH", data, 54 if wide else 42),
    )
    for place in range(table, table + size * count, size or 1):
        if place + (40 if wide else 20) > len(data):
            return ""
        if struct.unpack_from("<I", data, place)[0] == _INTERPRETER:
            start = struct.unpack_from("<Q" if wide else "<I", data, place + (8 if wide else 4))[0]
            return data[start : start + 256].split(b"\0")[0].decode("ascii", "replace")
    return ""
