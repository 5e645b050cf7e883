"""Weights and scales in the layout of `ek_matrix_s8_dsp.h`: two channels in a word, two products an instruction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Constant
from edgekit.codegen.kernels.linear import Linear, sums
from edgekit.codegen.kernels.scales_dsp import scales_dsp

_GROUP = 4
"""Output channels that the kernel computes together."""
_WORDS = 4
"""Words that its loop takes at once."""


def matrix_fields(layer: Linear, run: int, rounds_once: bool) -> dict[str, int | Constant] | None:
    """The members of `ek_matrix_s8`, where inputs come in runs of `run` bytes that are widened each by itself. None
    where it does not compute the layer exactly: scales, or sums of more than 24 bits in a second channel."""
    table = scales_dsp(layer, rounds_once)
    words = pack_w4(layer.rows, run) if layer.is_packed else _pairs(layer.rows, run)
    if table is None or words is None:
        return None
    return {
        "words": words.shape[1],
        "channels": len(layer.rows),
        "low": layer.low,
        "high": layer.high,
        "rounds_once": int(rounds_once),
        "weights": Constant(words, align=8),
        "scales": Constant(_filled(table, _GROUP), align=8),
    }


def _pairs(rows: NDArray[np.int8], run: int) -> NDArray[np.int32] | None:
    low, high = sums(rows[1::2])
    filled = _filled(rows.astype(np.int64), _GROUP)
    both = 256 * filled[1::2] + filled[0::2]
    has_short_sums = bool(np.all(low >= -(1 << 23)) and np.all(high < 1 << 23))
    return pack(both, run) if has_short_sums and not np.any(both < -(1 << 15)) else None


def pack(both: NDArray[np.int64], run: int) -> NDArray[np.int32]:
    """From (channels / 2, inputs), 256 * (odd channel) + (even one), to (channels / 4, words, 2)."""
    words = _words(both, run)
    in_fours = words.reshape(-1, 2, words.shape[1]).transpose(0, 2, 1)
    return np.ascontiguousarray(in_fours).astype(np.uint32).view(np.int32)


def pack_w4(rows: NDArray[np.int8], run: int) -> NDArray[np.int32]:
    """From (channels, inputs) of 4 bits to (channels / 4, words): in each half of a word four channels, each plus 8."""
    filled = _filled(rows.astype(np.int64), _GROUP).reshape(-1, _GROUP, rows.shape[1])
    fours = ((filled & 15) << np.array([0, 4, 8, 12])[:, None]).sum(axis=1)
    return (_words(fours, run) ^ 0x88888888).astype(np.uint32).view(np.int32)


def _words(values: NDArray[np.int64], run: int) -> NDArray[np.int64]:
    """From (rows, inputs) to (rows, words), two inputs of 16 bits in each, in the order of the widened inputs."""
    count, size = values.shape
    nothing = np.zeros((count, size // run, 1), np.int64)
    runs = np.concatenate([values.reshape(count, size // run, run), nothing], axis=2)
    halves = _filled(runs[:, :, word_order(run)].reshape(count, -1).T, 2 * _WORDS).T
    words: NDArray[np.int64] = (halves[:, 0::2] & 0xFFFF) | ((halves[:, 1::2] & 0xFFFF) << 16)
    return words


def word_order(run: int) -> list[int]:
    """Which byte of a run each half of its words holds, as ek_widen_s8_dsp; `run` stands for nothing.

    >>> word_order(7)
    [0, 2, 1, 3, 4, 5, 6, 7]
    """
    whole = run // 4 * 4
    fours = [start + i for start in range(0, whole, 4) for i in (0, 2, 1, 3)]
    rest = list(range(whole, run))
    return fours + rest + [run] * (len(rest) % 2)


def _filled(values: NDArray[Any], multiple: int) -> NDArray[Any]:
    """Zeros behind along the first axis, up to a multiple."""
    return np.concatenate([values, np.zeros((-len(values) % multiple, *values.shape[1:]), values.dtype)])
