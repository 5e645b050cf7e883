"""How weights and the numbers of channels lie in flash for Helium: blocks of four channels, steps of 16 taps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Constant
from edgekit.codegen.kernels.linear import Linear
from edgekit.codegen.kernels.window import Axis

STEP = 16
"""Taps that one vector instruction multiplies."""
LANES = 4
"""Output channels of a block."""


def steps_of(taps: int) -> int:
    """Steps that hold `taps`."""
    return -(-taps // STEP)


def weight_blocks(rows: NDArray[np.int8]) -> Constant:
    """(channels, taps) as (blocks, steps, 4, 16), padded with zeros."""
    channels, taps = rows.shape
    steps = steps_of(taps)
    padded = np.zeros((_blocks(channels) * LANES, steps * STEP), np.int8)
    padded[:channels, :taps] = rows
    return Constant(padded.reshape(-1, LANES, steps, STEP).transpose(0, 2, 1, 3).copy(), align=16)


def channel_blocks(layer: Linear) -> Constant:
    """Four biases, four mantissas, four shifts in the bytes of a word: nine words a block."""
    count = _blocks(layer.bias.size) * LANES
    words = np.zeros((count // LANES, 9), "<i4")
    words[:, 0:4] = _padded(layer.bias, count)
    words[:, 4:8] = _padded(layer.mantissas, count)
    words[:, 8] = _padded(layer.shifts, count).astype(np.int8).reshape(-1).view("<i4")
    return Constant(words)


def shifts_right(layer: Linear) -> bool:
    """Every channel's factor is less than one."""
    return not bool((layer.shifts > 0).any())


def output_range_fields(layer: Linear) -> dict[str, int]:
    """How sums become outputs, as the kernels' parameters name it."""
    return {
        "zero_point": layer.output_zero_point, "is_plain": int(layer.low >= layer.output_zero_point),
        "low": layer.low, "high": layer.high,
    }  # fmt: skip


def row_ahead(layer: Linear, rows: Axis) -> int:
    """`Call.ahead` of a kernel that writes an output row when it has read all that the row needs."""
    next_first = np.maximum((np.arange(rows.output) + 1) * rows.stride - rows.before, 0)
    still_read = next_first * (layer.source.nbytes // rows.input)
    written = (np.arange(rows.output) + 1) * (layer.output.nbytes // rows.output)
    return max(0, int((written - still_read)[: rows.output - 1].max(initial=0)))


def _blocks(channels: int) -> int:
    return -(-channels // LANES)


def _padded(values: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    return np.pad(values, (0, count - values.size)).reshape(-1, LANES)
