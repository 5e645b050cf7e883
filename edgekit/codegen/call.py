"""What a kernel's file hands to the planner and the emitter: how one operator is computed in C."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.graph.model import Op, Tensor


class Build(enum.Enum):
    """Which instructions the kernels are written for; weights are laid out for them."""

    PORTABLE = "portable"
    DSP = "dsp"
    MVE = "mve"


class Optimize(enum.Enum):
    """What gives way: flash and RAM for speed, speed for flash, or speed for RAM."""

    SPEED = "speed"
    SIZE = "size"
    RAM = "ram"

    @property
    def level(self) -> str:
        """The compiler's level for it."""
        return "-Os" if self is Optimize.SIZE else "-O2"


class Rounding(enum.Enum):
    """Whose FULLY_CONNECTED is computed: LiteRT's reference rounds once, TFLite Micro's twice."""

    LITERT = "litert"
    TFLM = "tflm"


@dataclass(frozen=True, slots=True)
class Settings:
    """For what the C is generated."""

    build: Build = Build.PORTABLE
    optimize: Optimize = Optimize.SPEED
    rounding: Rounding = Rounding.LITERT


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """An array in flash: its elements in the order in which the kernel reads them, at `align` bytes."""

    values: NDArray[Any]
    align: int = 4

    @property
    def nbytes(self) -> int:
        """Bytes of flash."""
        return int(np.asarray(self.values).nbytes)


@dataclass(frozen=True, slots=True)
class Rows:
    """Which rows of its first input an output row needs: `extent` rows from `row * stride - before`, clipped."""

    stride: int = 1
    before: int = 0
    extent: int = 1


@dataclass(frozen=True, slots=True)
class View:
    """`part` may lie inside `whole`, `offset` bytes from its start; where all of a call's views do, it has nothing to
    do."""

    part: Tensor
    whole: Tensor
    offset: int = 0


Field = int | float | str | Constant | tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call of the kernel library.

    The C function takes, in this order: a pointer to a constant `<function>_params`, a pointer for each of `inputs`,
    of `outputs`, of `states`, then `ek_rows` if there are `rows`, then `void *scratch` if there are `scratch_bytes`.

    Attributes:
        function: the C function; "" where the operator is nothing but views.
        header: the file of the kernel library that has it.
        fields: values of the members of its `_params`; a Constant becomes an array and the member a pointer to it.
        inputs, outputs: tensors in the arena, in the function's order. Constants are fields.
        states: variable tensors, which keep their value from one inference to the next.
        ahead: for each input, the least (address of the input) - (address of the output) in bytes at which the output
            may be written over it while it is read, None where they must lie apart. 0 is in place.
        rows: the call can compute some rows (axis 1 of 4) of its output by themselves; None where it cannot.
        own: there is a `<function>_body` to be compiled once for this call alone, with its constants folded in.
        macs: multiply-accumulates of an inference.
    """

    op: Op
    function: str
    header: str = ""
    fields: Mapping[str, Field] = field(default_factory=dict)
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    states: tuple[Tensor, ...] = ()
    scratch_bytes: int = 0
    ahead: tuple[int | None, ...] = ()
    rows: Rows | None = None
    views: tuple[View, ...] = ()
    own: bool = False
    macs: int = 0


Lower = Callable[[Op, Settings], Call]
"""From an operator to its call. Raises ModelError where no kernel computes it as it stands."""
