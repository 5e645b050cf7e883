"""Elements narrower than a byte: packed as the file has them, and one a byte as numpy has them.

Source: TFLite schema, TensorType INT4/INT2; tensorflow/lite/kernels/internal/portable_tensor_utils (low bits first).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def packed_size(count: int, bits: int) -> int:
    """Bytes that `count` elements of `bits` bits take, the last byte filled up."""
    return (count * bits + 7) // 8


def unpack(packed: NDArray[np.uint8], count: int, bits: int, *, signed: bool) -> NDArray[Any]:
    """One element a byte (int8 or uint8, shape (count,)) out of bytes that hold 8 // bits elements each, low bits
    first."""
    per_byte = 8 // bits
    mask = (1 << bits) - 1
    lanes = [(packed >> (bits * lane)) & mask for lane in range(per_byte)]
    flat = np.stack(lanes, axis=1).reshape(-1)[:count] if packed.size else np.zeros(0, np.uint8)
    if not signed:
        return flat
    sign = 1 << (bits - 1)
    return ((flat ^ sign).astype(np.int16) - sign).astype(np.int8)


def pack(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Bytes that hold 8 // bits elements each, low bits first, out of one element a byte; spare bits are zero."""
    per_byte = 8 // bits
    mask = (1 << bits) - 1
    flat = values.reshape(-1).astype(np.uint8) & mask
    padded = np.zeros(packed_size(flat.size, bits) * per_byte, np.uint8)
    padded[: flat.size] = flat
    lanes = padded.reshape(-1, per_byte)
    result = np.zeros(lanes.shape[0], np.uint8)
    for lane in range(per_byte):
        result |= lanes[:, lane] << (bits * lane)
    return result
