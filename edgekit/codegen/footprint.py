"""What a network takes of a microcontroller: its C compiled and linked into the least program, and counted."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from edgekit.codegen.elf import Program, read_elf
from edgekit.core.errors import ModelError
from edgekit.core.toolchain import Core, Toolchain, Wanted
from edgekit.transports.firmware import library_of

_WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion")
_CONSTANT = re.compile(r"ek_(\d+)_\w+?(\.\d+)?")
"""An array of layer N, as `emit` calls it; compilers may add a number to a static's name."""
_ARENA = "ek_arena"


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes of flash and RAM of the least program with the network in it.

    Attributes:
        code_bytes: instructions and all constants that are not the network's, start-up and C library included.
        constants_bytes: the network's own arrays: weights, biases, scales.
        arena_bytes: activations and scratch.
        static_bytes: other variables.
        flash_bytes: all that lies in flash.
        compiler, options: with what.
    """

    code_bytes: int
    constants_bytes: int
    arena_bytes: int
    static_bytes: int
    flash_bytes: int
    compiler: str
    options: str


@dataclass(frozen=True, slots=True)
class Built:
    """A footprint, and by layer the bytes of its arrays."""

    footprint: Footprint
    constants_by_layer: Mapping[int, int]


def build_least(sources: Mapping[str, bytes], core: Core, optimize: str, compiler: Toolchain) -> Built:
    """Compile `sources` (name -> content) for `core` with the least main, and count.

    `optimize` is the compiler's level, such as "-O2". Raises ModelError with the compiler's words where it fails.
    """
    shown = [
        *compiler.options_of(core),
        optimize,
        "-ffp-contract=off",
        "-ffunction-sections",
        "-fdata-sections",
        "-Wl,--gc-sections",
    ]
    with tempfile.TemporaryDirectory(prefix="edgekit-fit-") as name:
        folder = Path(name)
        for path, data in sources.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        with as_file(files("edgekit.codegen") / "minimal") as minimal:
            words: list[str | Path] = ["-std=c99", "-g", *shown, *_WARNINGS, "-I", folder]
            words += ["-T", minimal / "link.ld", minimal / "start.c", *sorted(folder.rglob("ek_*.c"))]
            words += [*library_of(compiler), "-o", folder / "least.elf"]
            compiler.build(words, Wanted(core.name, ModelError))
        program = read_elf((folder / "least.elf").read_bytes())
    return _counted(program, compiler.title, " ".join(shown))


def _counted(program: Program, compiler: str, options: str) -> Built:
    by_layer: dict[int, int] = {}
    for symbol in program.symbols:
        if (match := _CONSTANT.fullmatch(symbol.name)) and not symbol.is_function:
            by_layer[int(match[1])] = by_layer.get(int(match[1]), 0) + symbol.size
    arena = sum(symbol.size for symbol in program.symbols if symbol.name == _ARENA)
    flash = sum(section.size for section in program.sections if section.in_file)
    zeros = sum(section.size for section in program.sections if not section.in_file)
    data = sum(section.size for section in program.sections if section.name == ".data")
    constants = sum(by_layer.values())
    footprint = Footprint(flash - constants, constants, arena, zeros + data - arena, flash, compiler, options)
    return Built(footprint, by_layer)
