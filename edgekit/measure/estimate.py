"""From counted instructions to a time, with the error that this has: cycles of an instruction are bounds, not a number.

The bounds, by core:

- Cortex-M4: no instruction takes less than one cycle (Arm 100166, 3.3.1), so at least 1. At most 1.8: an MLPerf Tiny
  v1.1 submission with CMSIS-NN's kernels on a NUCLEO-L4R5ZI (Krai: 389.6, 99.8, 300.8 and 8.6 ms at 120 MHz for ic,
  kws, vww and ad), over what TFLM with the same kernels counts in QEMU (29.9, 7.70, 24.1 and 0.583 M instructions),
  gives 1.50 to 1.77; the two runtimes differ around the kernels.
- Cortex-M3: as M4. Cortex-M33: two 16-bit instructions may pair (Arm 100230), so at least 0.8; at most as M4.
- Cortex-M7: two instructions a cycle at best (Arm DDI 0489), so at least 0.5; at most 1.8 with its caches on, as M4.
- Cortex-M55: at least 1, but a Helium instruction takes two cycles where nothing overlaps it (Arm 101051, 2 beats), and
  loads may wait for it: at most 2.5. Not measured.
- Cortex-M0+: at least 1; loads and stores take 2 and taken branches 2 (Arm DDI 0484, 3.3), multiplying 1 or 32: at most
  2 where it is 1, as on the RP2040. Not measured.

All are for code and data that come without wait states or through a cache; a flash that waits adds to them.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.core.toolchain import M0PLUS, M3, M4, M4F, M7, M7SP, M33, M55, Core

_CYCLES = {
    M0PLUS: (1.0, 2.0), M3: (1.0, 1.8), M4: (1.0, 1.8), M4F: (1.0, 1.8), M33: (0.8, 1.8), M7: (0.5, 1.8),
    M7SP: (0.5, 1.8), M55: (1.0, 2.5),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Estimate:
    """Between which times an inference lies, in milliseconds, and why."""

    low_ms: float
    high_ms: float
    how: str


def estimate(instructions: int, core: Core, ghz: float) -> Estimate:
    """The time of so many instructions at a clock.

    >>> found = estimate(7_700_000, M4F, 0.12)
    >>> round(found.low_ms), round(found.high_ms)
    (64, 116)
    """
    low, high = _CYCLES[core]
    each_ms = instructions / (ghz * 1e6)
    how = f"estimated: {instructions:,} instructions of {low:g} to {high:g} cycles at {ghz * 1000:g} MHz"
    return Estimate(each_ms * low, each_ms * high, how)
