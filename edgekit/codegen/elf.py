"""What a linked program takes: sections and symbols of a 32-bit ELF file.

Source: System V ABI, chapter 4 (object files); Tool Interface Standard, ELF 1.2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from edgekit.core.errors import ModelError

_SECTION = struct.Struct("<10I")
_SYMBOL = struct.Struct("<3IBBH")
_SYMBOL_TABLE, _NO_BITS = 2, 8
_ALLOCATED = 2
_OBJECT, _FUNCTION = 1, 2


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the program in memory. `in_file` is False for what starts as zeros."""

    name: str
    address: int
    size: int
    in_file: bool


@dataclass(frozen=True, slots=True)
class Symbol:
    """A function or a variable."""

    name: str
    address: int
    size: int
    is_function: bool


@dataclass(frozen=True, slots=True)
class Program:
    """Sections that are in memory, and the symbols in them that have a size."""

    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]


def read_elf(data: bytes) -> Program:
    """The program in `data`. Raises ModelError where it is no 32-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x01\x01":
        raise ModelError("the linker's result is no 32-bit ELF file")
    (offset,) = struct.unpack_from("<I", data, 32)
    size, count, names = struct.unpack_from("<3H", data, 46)
    headers = [_SECTION.unpack_from(data, offset + i * size) for i in range(count)]
    strings = headers[names][4]
    sections = tuple(
        Section(_text(data, strings + h[0]), h[3], h[5], h[1] != _NO_BITS) for h in headers if h[2] & _ALLOCATED
    )
    return Program(sections, tuple(_symbols(data, headers)))


def _symbols(data: bytes, headers: list[tuple[int, ...]]) -> list[Symbol]:
    found: dict[tuple[int, str], Symbol] = {}
    for header in headers:
        if header[1] != _SYMBOL_TABLE:
            continue
        strings = headers[header[6]][4]
        for at in range(header[4], header[4] + header[5], _SYMBOL.size):
            name, address, size, info, _, section = _SYMBOL.unpack_from(data, at)
            if info & 15 in (_OBJECT, _FUNCTION) and size and section:
                text = _text(data, strings + name)
                found[address, text] = Symbol(text, address, size, info & 15 == _FUNCTION)
    return list(found.values())


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode(errors="replace")
