"""Products of matrices of any size."""

from __future__ import annotations

import numpy as np

from edgekit.graph.types import DType
from tests.unit.codegen.one_op import Array, Spec, one_op


def _constant(rng: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Array:
    if dtype is DType.FLOAT32:
        return rng.normal(0, 1, shape).astype(np.float32)
    return rng.integers(-127, 128, shape, dtype.numpy)


def batch_matmul(rng: np.random.Generator, dtype: DType, number: int) -> bytes:
    """Matrices of any size, transposed and broadcast in every way; some right ones constant."""
    rows, depth, columns = (int(n) for n in rng.integers(1, 7, 3))
    batches = tuple(int(n) for n in rng.integers(1, 4, int(rng.integers(0, 4))))
    swap_left, swap_right = bool(number & 1), bool(number & 2)
    left_batches = tuple(n if rng.random() < 0.7 else 1 for n in batches)
    right_batches = tuple(n if rng.random() < 0.7 else 1 for n in batches)[int(rng.integers(0, len(batches) + 1)) :]
    left = (*left_batches, *((depth, rows) if swap_left else (rows, depth)))
    right = (*right_batches, *((columns, depth) if swap_right else (depth, columns)))
    padded = (1,) * (len(left_batches) - len(right_batches)) + right_batches
    out = (*(max(pair) for pair in zip(left_batches, padded, strict=True)), rows, columns)
    is_int8 = dtype is DType.INT8
    scales = (0.02, 0.03, float(rng.uniform(0.05, 0.2))) if is_int8 else (1e-3, 1e-3, float(rng.uniform(0.01, 0.1)))
    zero_points = [int(n) if is_int8 else 0 for n in rng.integers(-9, 9, 3)]
    given = [None if dtype is DType.FLOAT32 else scale for scale in scales]
    data = _constant(rng, right, dtype) if number % 3 == 0 else None
    inputs = [Spec(left, dtype, given[0], zero_points[0]), Spec(right, dtype, given[1], zero_points[1], data=data)]
    output = Spec(out, dtype, given[2], zero_points[2])
    return one_op("BATCH_MATMUL", inputs, [output], 4, adjX=swap_left, adjY=swap_right)
