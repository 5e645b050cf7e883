"""Pooling: windows, strides, both paddings, fused activations, batches, int8 and int16."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op

RNG = np.random.default_rng(56)


def pool(kind: str, dtype: DType, shape: tuple[int, ...], window: tuple[int, int], stride: tuple[int, int]) -> bytes:
    padding, activation = (int(RNG.integers(0, 2)), int(RNG.integers(0, 4)))
    window = tuple(min(w, n) for w, n in zip(window, shape[1:3], strict=True)) if padding else window
    spans = [
        -(-n // s) if padding == 0 else -(-(n - w + 1) // s) for n, w, s in zip(shape[1:3], window, stride, strict=True)
    ]
    scale, zero_point = float(RNG.uniform(0.01, 0.1)), int(RNG.integers(-128, 128)) if dtype is DType.INT8 else 0
    if dtype is DType.INT16:
        scale /= 256
    options = {"filterHeight": window[0], "filterWidth": window[1], "strideH": stride[0], "strideW": stride[1]}
    options |= {"padding": padding, "fusedActivationFunction": activation}
    out = Spec((shape[0], *spans, shape[3]), dtype, scale, zero_point)
    return one_op(kind, [Spec(shape, dtype, scale, zero_point)], [out], version=3, **options)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_exact(tmp_path: Path, kind: str, compiler: str) -> None:
    shapes = [(1, 7, 5, 3), (2, 6, 6, 4), (1, 1, 9, 2), (1, 12, 4, 1)]
    windows, strides = [(2, 2), (3, 3), (5, 1), (1, 4)], [(1, 1), (2, 2), (1, 3)]
    chosen = itertools.product((DType.INT8, DType.INT16), shapes, windows, strides)
    models = [pool(kind, *choice) for choice in chosen]
    assert_exact(side_by_side(models), Settings(), tmp_path, count=4, compiler=compiler)


def test_averages_by_dsp(tmp_path: Path) -> None:
    """Windows of up to 256 elements; more are left to the portable kernel."""
    shapes = [(1, 7, 5, 4), (1, 16, 16, 8), (1, 25, 5, 64), (1, 20, 16, 4), (1, 5, 5, 3)]
    windows = [(2, 2), (3, 5), (16, 16), (20, 16), (25, 5)]
    models = [pool("AVERAGE_POOL_2D", DType.INT8, *choice, (1, 1)) for choice in itertools.product(shapes, windows)]
    model = side_by_side(models)
    functions = {call.function for call in generate(read(model), Settings(Build.DSP)).plan.calls}
    assert functions == {"ek_average_pool_s8_dsp_rows", "ek_average_pool_s8_rows"}
    assert_exact(model, Settings(Build.DSP), tmp_path, count=4)


def test_refuses_other_types(tmp_path: Path) -> None:
    image = Spec((1, 4, 4, 1), DType.UINT8, 0.1)
    window = {"filterHeight": 1, "filterWidth": 1, "strideH": 1, "strideW": 1}
    model = one_op("MAX_POOL_2D", [image], [image], **window)
    with pytest.raises(ModelError, match=r"No C is generated for MAX_POOL_2D on uint8 \('out0' has 'in0'\)"):
        assert_exact(model, Settings(), tmp_path)
