"""Compilers for microcontrollers: Debian's arm-none-eabi-gcc, or zig, which PyPI has.

gcc comes with a C library (newlib); zig without one, so what it compiles must bring the few functions that it uses.
"""

from __future__ import annotations

import enum
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgekit.core import process
from edgekit.core.errors import EdgekitError, MissingError
from edgekit.core.extras import installed

GCC = "arm-none-eabi-gcc"
GCC_COMMAND = "sudo apt install gcc-arm-none-eabi libnewlib-arm-none-eabi"
ZIG_COMMAND = "pip install 'edgekit[zig]'"
BUILD_S = 300.0
_VERSION_S = 60.0
_COMPLAINT = re.compile(
    r"^.*(?:\b(?:error: (?!ld returned)|undefined reference)|region \S+ overflowed).*$", re.MULTILINE
)
_NO_LIBRARY = re.compile(r"(?:string|stdint|setjmp|stdlib)\.h: No such file|cannot find -l|cannot read spec file")
_NO_LIBRARY_HINT = "Is libnewlib-arm-none-eabi installed?"


class Family(enum.Enum):
    """Whose options a compiler takes."""

    GCC = "gcc"
    ZIG = "zig"


@dataclass(frozen=True, slots=True)
class Core:
    """A Cortex-M as compilers know it.

    Attributes:
        name: in words.
        gcc: options of gcc.
        zig_cpu: zig's name of it.
        hard_float: whether floats are passed in float registers.
    """

    name: str
    gcc: tuple[str, ...]
    zig_cpu: str
    hard_float: bool


M0PLUS = Core("Cortex-M0+", ("-mcpu=cortex-m0plus",), "cortex_m0plus", hard_float=False)
M3 = Core("Cortex-M3", ("-mcpu=cortex-m3",), "cortex_m3", hard_float=False)
M4 = Core("Cortex-M4", ("-mcpu=cortex-m4",), "cortex_m4-vfp4d16sp", hard_float=False)
M4F = Core("Cortex-M4F", ("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"), "cortex_m4", hard_float=True)
M7 = Core("Cortex-M7", ("-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"), "cortex_m7+fp_armv8d16", True)
M7SP = Core("Cortex-M7", ("-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"), "cortex_m7+fp_armv8d16sp", True)
M33 = Core("Cortex-M33", ("-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"), "cortex_m33", hard_float=True)
M55 = Core("Cortex-M55", ("-mcpu=cortex-m55", "-mfloat-abi=hard"), "cortex_m55+mve_fp", hard_float=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is compiled, in words, and the error where it cannot be."""

    what: str
    error: type[EdgekitError]


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler that is here: how it is started, and its version."""

    family: Family
    command: tuple[str, ...]
    version: str

    @property
    def title(self) -> str:
        """What reports call it."""
        return f"{GCC if self.family is Family.GCC else 'zig cc'} {self.version}"

    def options_of(self, core: Core) -> tuple[str, ...]:
        """What selects `core`."""
        if self.family is Family.GCC:
            return ("-mthumb", *core.gcc)
        abi = "eabihf" if core.hard_float else "eabi"
        # zig traps on what C leaves undefined unless it is told not to, and it is what we compile for size and speed
        own = ("-fno-sanitize=undefined", "-fno-unwind-tables")
        return ("-target", f"thumb-freestanding-{abi}", f"-mcpu={core.zig_cpu}", *own)

    def build(self, options: Sequence[str | Path], wanted: Wanted, folder: Path | None = None) -> None:
        """Compile, in `folder`. Raises the error of `wanted` with the compiler's first complaint where that fails."""
        done = process.run([*self.command, *options], timeout_s=BUILD_S, cwd=folder)
        what = f"{self.title} for {wanted.what}"
        complaint = _COMPLAINT.search(done.stderr)
        hint = _NO_LIBRARY_HINT if self.family is Family.GCC and _NO_LIBRARY.search(done.stderr) else ""
        if done.ending is process.Ending.EXIT and done.exit_code and complaint:
            raise wanted.error(f"{what} failed: {complaint[0].strip()[:300]}", hint)
        done.require(what, wanted.error, hint)


def find_toolchain() -> Toolchain:
    """gcc where it is there, else zig. Raises MissingError with the command that brings one."""
    found = toolchain(Family.GCC) or toolchain(Family.ZIG)
    if found is None:
        raise MissingError(
            f"compiling for a microcontroller needs {GCC} or zig, and neither is installed",
            f"{GCC_COMMAND}, or {ZIG_COMMAND}",
        )
    return found


def command_of(family: Family) -> tuple[str, ...] | None:
    """How this family's compiler is started, or None where it is not here. Starts nothing."""
    return _gcc() if family is Family.GCC else _zig()


def toolchain(family: Family) -> Toolchain | None:
    """This family's compiler, or None where it is not here."""
    command = command_of(family)
    if command is None:
        return None
    words = [*command, "-dumpfullversion"] if family is Family.GCC else [*command[:-1], "version"]
    done = process.run(words, timeout_s=_VERSION_S)
    return None if done.exit_code else Toolchain(family, command, done.stdout.strip())


def _gcc() -> tuple[str, ...] | None:
    path = shutil.which(GCC)
    return None if path is None else (path,)


def _zig() -> tuple[str, ...] | None:
    """zig on the path, else PyPI's, which this interpreter starts."""
    path = shutil.which("zig")
    if path is not None:
        return (path, "cc")
    return (sys.executable, "-m", "ziglang", "cc") if installed("ziglang") else None
