"""Affine quantization of arrays: `real = (stored - zero_point) * scale`. Pure.

Source: "TensorFlow Lite 8-bit quantization specification", https://ai.google.dev/edge/litert/models/quantization_spec
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def quantize(
    array: npt.ArrayLike,
    scale: npt.ArrayLike,
    zero_point: npt.ArrayLike,
    dtype: npt.DTypeLike,
    *,
    axis: int = 0,
    bits: int | None = None,
) -> Array:
    """`array` on the integer grid: `round(array / scale) + zero_point`, clipped to what `dtype` holds.

    Rounds ties to even, as the CPU's own instruction and therefore the runtime's kernels do.

    Args:
        array: real values, any shape.
        scale, zero_point: one value, or one for each index along `axis`.
        dtype: the integer type of the result.
        axis: the dimension that per-channel values belong to.
        bits: how many bits the type uses where that is fewer than `dtype` has (4 for int4 in int8).
    """
    values = np.asarray(array, dtype=np.float32)
    scales = _along(np.asarray(scale, np.float32), axis, values.ndim)
    zeros = _along(np.asarray(zero_point, np.float32), axis, values.ndim)
    low, high = integer_range(dtype, bits)
    with np.errstate(over="ignore"):  # beyond float32 is beyond the grid too, and clipped
        grid: Array = np.clip(np.rint(values / scales) + zeros, low, high).astype(dtype)
    return grid


def dequantize(
    array: npt.ArrayLike, scale: npt.ArrayLike, zero_point: npt.ArrayLike, *, axis: int = 0
) -> npt.NDArray[np.float32]:
    """The real values (float32) of stored integers; `scale` and `zero_point` as in `quantize`."""
    stored = np.asarray(array)
    scales = _along(np.asarray(scale, np.float32), axis, stored.ndim)
    zeros = _along(np.asarray(zero_point, np.int64), axis, stored.ndim)
    real: npt.NDArray[np.float32] = ((stored.astype(np.int64) - zeros) * scales).astype(np.float32)
    return real


def integer_range(dtype: npt.DTypeLike, bits: int | None = None) -> tuple[int, int]:
    """The smallest and the largest integer of `dtype`, of which only `bits` bits may be in use."""
    info = np.iinfo(np.dtype(dtype))
    if bits is None:
        return int(info.min), int(info.max)
    return (0, 2**bits - 1) if info.min == 0 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _along(values: Array, axis: int, ndim: int) -> Array:
    """Per-channel values shaped so that they broadcast along `axis`; one value as it is."""
    if values.size == 1:
        return values.reshape(())
    shape = [1] * ndim
    shape[axis] = values.size
    return values.reshape(shape)
