from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op


def transpose_conv(rng: np.random.Generator, dtype: DType, number: int) -> bytes:
    """A transposed convolution of any geometry."""
    height, width, depth, channels = (int(n) for n in rng.integers(1, 6, 4))
    kernel, stride, same = rng.integers(1, 5, 2), [int(n) for n in rng.integers(1, 4, 2)], bool(number % 2)
    sizes = zip((height, width), kernel, stride, strict=True)
    out = [size * s if same else (size - 1) * s + int(k) for size, k, s in sizes]
    out_shape = np.array([1, *out, channels], np.int32)
    is_wide = dtype is DType.INT16
    inputs = [
        Spec((4,), DType.INT32, data=out_shape),
        Spec(
            (channels, *kernel, depth),
            scale=tuple(rng.uniform(0.0005, 0.02, channels)),
            data=rng.integers(-127, 128, (channels, *kernel, depth), np.int8),
        ),
        Spec((1, height, width, depth), dtype, 0.0003 if is_wide else 0.05, 0 if is_wide else int(rng.integers(-9, 9))),
    ]
    if number % 3:
        bits = DType.INT64 if is_wide else DType.INT32
        limit = 1 << (30 if is_wide else 12)
        inputs.append(Spec((channels,), bits, 1e-6, data=rng.integers(-limit, limit, channels, bits.numpy)))
    scale = float(rng.uniform(0.0001, 0.001) if is_wide else rng.uniform(0.02, 0.2))
    output = Spec(tuple(int(n) for n in out_shape), dtype, scale, 0 if is_wide else -4)
    options: dict[str, Any] = {"strideH": stride[0], "strideW": stride[1], "padding": 0 if same else 1}
    return one_op("TRANSPOSE_CONV", inputs, [output], 4, fusedActivationFunction=number % 4, **options)


@pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])
@pytest.mark.parametrize("dtype", [DType.INT8, DType.INT16])
def test_is_exact(tmp_path: Path, dtype: DType, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    assert_exact(
        side_by_side([transpose_conv(rng, dtype, n) for n in range(24)]), Settings(), tmp_path, compiler=compiler
    )
