"""Which core a target has, as compilers know it, and which kernels that core takes."""

from __future__ import annotations

from edgekit.codegen.call import Build
from edgekit.core.toolchain import M0PLUS, M3, M4, M4F, M7, M7SP, M33, M55, Core
from edgekit.targets.target import Isa, Target

_DSP = (M4, M4F, M7, M7SP, M33)


def core_of(target: Target) -> Core | None:
    """The core of a microcontroller's first processor, or None where none of our compilers knows it (Xtensa)."""
    name, has = target.cpu.cores[0].name if target.cpu.cores else "", target.cpu.has
    if name.startswith("Cortex-M4"):
        return M4F if has(Isa.FPU) else M4
    if name.startswith("Cortex-M7"):
        return M7 if has(Isa.FPU64) else M7SP
    by_name = {"Cortex-M0+": M0PLUS, "Cortex-M3": M3, "Cortex-M33": M33}
    return M55 if name.startswith("Cortex-M55") else by_name.get(name)


def build_of(core: Core) -> Build:
    """The kernels for `core`: Helium, dual 16-bit instructions, or plain C."""
    return Build.MVE if core is M55 else Build.DSP if core in _DSP else Build.PORTABLE
