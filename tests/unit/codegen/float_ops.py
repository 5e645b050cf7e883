"""float32 operators of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.graph.types import DType
from tests.unit.codegen.one_op import Spec, one_op

Shape = tuple[int, ...]
ARITHMETIC = ("ADD", "SUB", "MUL", "DIV")
COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")


def real(shape: Shape, data: Any = None) -> Spec:
    return Spec(shape, DType.FLOAT32, data=data)


def normal(rng: np.random.Generator, shape: Shape) -> Spec:
    return real(shape, rng.normal(0, 1, shape).astype(np.float32))


def any_shape(rng: np.random.Generator) -> Shape:
    """Of one to four axes, every other with a batch of one."""
    shape = tuple(int(n) for n in rng.integers(1, 6, int(rng.integers(1, 5))))
    return (1, *shape[1:]) if rng.random() < 0.5 else shape


def unary(rng: np.random.Generator, kind: str, **options: Any) -> bytes:
    shape = any_shape(rng)
    return one_op(kind, [real(shape)], [real(shape)], **options)


def binary(rng: np.random.Generator, kind: str, number: int) -> bytes:
    """Operands of one shape, or repeated, or constant on either side."""
    shape = any_shape(rng)
    thin = tuple(n if rng.random() < 0.5 else 1 for n in shape) if number % 2 else shape
    operands = [real(shape), normal(rng, thin) if number % 3 == 0 else real(thin)]
    options = {"fusedActivationFunction": number % 4} if kind in ARITHMETIC else {}
    output = Spec(shape, DType.BOOL) if kind in COMPARISONS else real(shape)
    return one_op(kind, operands[::-1] if number % 5 == 0 else operands, [output], **options)


def prelu(rng: np.random.Generator) -> bytes:
    shape = (int(rng.integers(1, 3)), 3, 4, int(rng.integers(1, 5)))
    return one_op("PRELU", [real(shape), normal(rng, (1, 1, shape[3]))], [real(shape)])


def pool(rng: np.random.Generator, kind: str, number: int) -> bytes:
    batches, height, width, depth = (int(n) for n in rng.integers((1, 3, 3, 1), (3, 8, 8, 5)))
    kernel, stride = rng.integers(1, 4, 2), rng.integers(1, 4, 2)
    same = bool(number % 2)
    sizes = zip((height, width), kernel, stride, strict=True)
    out = [int(-(-size // s) if same else (size - k) // s + 1) for size, k, s in sizes]
    options = {"strideH": stride[0], "strideW": stride[1], "filterHeight": kernel[0], "filterWidth": kernel[1]}
    options |= {"padding": 0 if same else 1, "fusedActivationFunction": number % 4}
    return one_op(kind, [real((batches, height, width, depth))], [real((batches, *out, depth))], **options)


def reduction(rng: np.random.Generator, kind: str) -> bytes:
    shape = any_shape(rng)
    axes = tuple(axis for axis in range(len(shape)) if rng.random() < 0.5) or (0,)
    keep = bool(rng.random() < 0.5)
    kept = [(1 if axis in axes else n) for axis, n in enumerate(shape)]
    out = tuple(n for axis, n in enumerate(kept) if keep or axis not in axes)
    which = Spec((len(axes),), DType.INT32, data=np.array(axes, np.int32))
    return one_op(kind, [real(shape), which], [real(out)], keepDims=keep)


def resize(rng: np.random.Generator, number: int) -> bytes:
    batches, height, width, depth, rows, columns = (int(n) for n in rng.integers(1, 8, 6))
    size = Spec((2,), DType.INT32, data=np.array([rows, columns], np.int32))
    options = {"alignCorners": number % 3 == 1, "halfPixelCenters": number % 3 == 2}
    inputs = [real((batches, height, width, depth)), size]
    return one_op("RESIZE_BILINEAR", inputs, [real((batches, rows, columns, depth))], 3, **options)
