"""Weights and scales in the layout of `ek_matrix_s8_dsp.h`: two channels in a word, two products an instruction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Constant
from edgekit.codegen.kernels.linear import Linear

_GROUP = 4
"""Output channels that the kernel computes together."""
_WORDS = 4
"""Words that its loop takes at once."""
_MOST_SHIFT = 22
"""With more, half and zero point do not fit beside the product in 32 bits."""


def fits_scales(layer: Linear) -> bool:
    """Whether every channel is scaled down, by less than 2^-22, and no sum reaches 2^30."""
    shifts, nothing = -layer.shifts, layer.mantissas == 0
    low, high = _sums(_by_channel(layer))
    least, most = layer.bias + low, layer.bias + high
    in_range = ((shifts >= 1) & (shifts <= _MOST_SHIFT)) | nothing
    return bool(np.all(in_range) and np.all(least > -(1 << 30)) and np.all(most < 1 << 30))


def fits_matrix(layer: Linear) -> bool:
    """Whether `ek_matrix_s8_dsp.h` computes the layer exactly: scales, and sums of 24 bits in each second channel."""
    rows = _by_channel(layer)
    a, b = rows[0 : len(rows) // 2 * 2 : 2], rows[1::2]
    low, high = _sums(b)
    in_range = np.all(low >= -(1 << 23)) and np.all(high < 1 << 23)
    return fits_scales(layer) and bool(in_range) and not np.any((b == -128) & (a < 0))


def matrix_fields(layer: Linear, run: int, rounds_once: bool) -> dict[str, int | Constant]:
    """The members of `ek_matrix_s8`. Inputs come in runs of `run` bytes that are widened each by itself."""
    packed = pack(_by_channel(layer), run)
    return {
        "words": packed.shape[1],
        "channels": len(layer.bias),
        "low": layer.low,
        "high": layer.high,
        "rounds_once": int(rounds_once),
        "weights": Constant(packed, align=8),
        "scales": Constant(scales(layer), align=8),
    }


def scales(layer: Linear) -> NDArray[np.int32]:
    """(channels filled up to fours, 4): twice the bias, mantissa, half and zero point shifted, shift to the right."""
    shifts = np.where(layer.mantissas == 0, 1, -layer.shifts).astype(np.int64)
    half = (layer.output_zero_point << shifts) + (1 << (shifts - 1))
    table = np.stack([2 * layer.bias.astype(np.int64), layer.mantissas.astype(np.int64), half, shifts], axis=1)
    return _filled(table, _GROUP).astype(np.int32)


def pack(rows: NDArray[np.int8], run: int) -> NDArray[np.int32]:
    """From (channels, inputs) to (channels / 4, words, 2): in each half of a word 256 * (odd channel) + (even one)."""
    channels, size = rows.shape
    order = word_order(run)
    runs = np.concatenate([rows.reshape(channels, size // run, run), np.zeros((channels, size // run, 1), np.int8)], 2)
    halves = runs[:, :, order].reshape(channels, -1).astype(np.int64)
    halves = _filled(_filled(halves.T, 2 * _WORDS).T, _GROUP)
    both = 256 * halves[1::2] + halves[0::2]
    words = (both[:, 0::2] & 0xFFFF) | ((both[:, 1::2] & 0xFFFF) << 16)
    paired = words.reshape(-1, 2, words.shape[1]).transpose(0, 2, 1)
    return np.ascontiguousarray(paired).astype(np.uint32).view(np.int32)


def word_order(run: int) -> list[int]:
    """Which byte of a run each half of its words holds, as ek_widen_s8_dsp; `run` stands for nothing.

    >>> word_order(7)
    [0, 2, 1, 3, 4, 5, 6, 7]
    """
    whole = run // 4 * 4
    fours = [start + i for start in range(0, whole, 4) for i in (0, 2, 1, 3)]
    rest = list(range(whole, run))
    return fours + rest + [run] * (len(rest) % 2)


def _by_channel(layer: Linear) -> NDArray[np.int8]:
    return layer.weights.reshape(len(layer.bias), -1)


def _sums(rows: NDArray[np.int8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the greatest sum of each channel over int8 inputs."""
    up, down = np.maximum(rows, 0).sum(1, np.int64), np.minimum(rows, 0).sum(1, np.int64)
    return 127 * down - 128 * up, 127 * up - 128 * down


def _filled(values: NDArray[np.int64], multiple: int) -> NDArray[np.int64]:
    """Zeros behind along the first axis, up to a multiple."""
    return np.concatenate([values, np.zeros((-len(values) % multiple, *values.shape[1:]), np.int64)])
