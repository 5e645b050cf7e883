"""Operators of two operands: shapes that repeat, constants, scales, zero points, fused activations."""

from __future__ import annotations

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

Shape = tuple[int, ...]
RNG = np.random.default_rng(55)
SHAPES: list[tuple[Shape, Shape]] = [
    ((1, 4, 5, 3), (1, 4, 5, 3)),
    ((7,), (7,)),
    ((2, 3, 4), (2, 3, 4)),
    ((1, 4, 5, 3), (3,)),
    ((1, 4, 5, 3), (1,)),
    ((1, 4, 5, 3), (1, 4, 1, 3)),
    ((1, 4, 1, 3), (1, 1, 5, 3)),
    ((2, 1, 5, 1), (1, 4, 1, 3)),
    ((6,), (4, 6)),
]
QUANTIZED = {DType.INT8, DType.INT16}


def spec(shape: Shape, dtype: DType, symmetric: bool, is_constant: bool = False) -> Spec:
    limits = dtype.integer_range or (0, 1)
    data = RNG.integers(limits[0], limits[1], shape, endpoint=True).astype(dtype.numpy) if is_constant else None
    scale = float(RNG.uniform(0.5, 8)) / (limits[1] - limits[0]) if dtype in QUANTIZED else None
    zero_point = int(RNG.integers(-100, 100)) if dtype is DType.INT8 and not symmetric else 0
    return Spec(shape, dtype, scale, zero_point, data=data)


def cases(kind: str, dtype: DType, out: DType | None = None, version: int = 1, **options: object) -> list[bytes]:
    """Every pair of shapes, with no constant, and with either operand constant."""
    models = []
    for shapes in SHAPES:
        for constant in (None, 0, 1):
            inputs = [spec(shape, dtype, False, constant == place) for place, shape in enumerate(shapes)]
            result = spec(np.broadcast_shapes(*shapes), out or dtype, False)
            models.append(one_op(kind, inputs, [result], version, **options))
    return models


@pytest.mark.parametrize("dtype", [DType.INT8, DType.INT16])
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
def test_arithmetic(tmp_path: Path, kind: str, dtype: DType) -> None:
    models = cases(kind, dtype, version=2)
    for activation in (1, 2, 3):
        models += cases(kind, dtype, version=2, fusedActivationFunction=activation)[activation - 1 :: 3]
    assert_exact(side_by_side(models), Settings(), tmp_path, count=4)


@pytest.mark.parametrize("build", [Build.PORTABLE, Build.DSP])
def test_add_with_equal_and_distant_scales(tmp_path: Path, build: Build) -> None:
    """The factor of one half, exact or not, and one close to nothing."""
    shape, models = (1, 5, 5, 4), []
    for a, b, out in [(0.5, 0.5, 1.0), (0.25, 0.125, 0.3), (0.1, 0.1, 0.001), (0.02, 1e-9, 0.02), (1e-6, 0.7, 20.0)]:
        inputs = [Spec(shape, scale=a, zero_point=-128), Spec(shape, scale=b, zero_point=127)]
        for kind in ("ADD", "SUB"):
            models.append(one_op(kind, inputs, [Spec(shape, scale=out, zero_point=-128)]))
            models.append(one_op(kind, inputs[::-1], [Spec(shape, scale=out, zero_point=127)]))
    assert_exact(side_by_side(models), Settings(build), tmp_path, count=20)


def test_add_by_dsp(tmp_path: Path) -> None:
    """Many scales and zero points, both operands the one with the larger scale."""
    models = []
    for shape in ((1, 3, 5, 7), (11,)) * 20:
        scales = RNG.uniform(0.001, 0.1, 3)
        places = RNG.choice([-128, -1, 0, 77, 127], 3)
        specs = [Spec(shape, scale=float(s), zero_point=int(z)) for s, z in zip(scales, places, strict=True)]
        models.append(one_op("ADD", specs[:2], specs[2:]))
    model = side_by_side(models)
    functions = {call.function for call in generate(read(model), Settings(Build.DSP)).plan.calls}
    assert {"ek_add_s8_dsp", "ek_add_s8_dsp_rows"} <= functions
    assert_exact(model, Settings(Build.DSP), tmp_path, count=20)


def test_mul_of_all_scales(tmp_path: Path) -> None:
    """Products that are scaled down, up, and not at all."""
    shape, models = (1, 5, 5, 4), []
    for a, b, out in [(0.5, 0.5, 0.25), (0.9, 0.9, 1.0), (0.5, 0.5, 0.01), (1.0, 1.0, 1e-4), (1e-5, 1e-4, 1.0)]:
        inputs = [Spec(shape, scale=a, zero_point=-128), Spec(shape, scale=b, zero_point=99)]
        models.append(one_op("MUL", inputs, [Spec(shape, scale=out, zero_point=-3)], 2))
    assert_exact(side_by_side(models), Settings(), tmp_path, count=20)


@pytest.mark.parametrize("kind", ["ADD", "SUB"])
def test_int16_scales_that_are_powers_of_two(tmp_path: Path, kind: str) -> None:
    shape, models = (1, 5, 5, 4), []
    for a, b, out in [(-15, -15, -15), (-15, -12, -12), (-12, -15, -12)]:
        inputs = [Spec(shape, DType.INT16, 2.0**a), Spec(shape, DType.INT16, 2.0**b)]
        results = [Spec(shape, DType.INT16, 2.0**out)]
        models.append(one_op(kind, inputs, results, version=2, potScaleInt16=True, fusedActivationFunction=1))
        models.append(one_op(kind, inputs, results, version=2, potScaleInt16=False, fusedActivationFunction=0))
    assert_exact(side_by_side(models), Settings(), tmp_path, count=20)


@pytest.mark.parametrize("kind", ["MAXIMUM", "MINIMUM"])
def test_choice(tmp_path: Path, kind: str) -> None:
    models = [model for dtype in (DType.INT8, DType.INT16, DType.INT32) for model in cases(kind, dtype)]
    assert_exact(side_by_side(models), Settings(), tmp_path)


@pytest.mark.parametrize("kind", ["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"])
def test_comparisons(tmp_path: Path, kind: str) -> None:
    dtypes = [DType.INT8, DType.INT16, DType.INT32] + ([DType.BOOL] if kind in ("EQUAL", "NOT_EQUAL") else [])
    models = [model for dtype in dtypes for model in cases(kind, dtype, DType.BOOL)[::2]]
    assert_exact(side_by_side(models), Settings(), tmp_path, count=4)


def test_logic(tmp_path: Path) -> None:
    models = [m for kind in ("LOGICAL_AND", "LOGICAL_OR") for m in cases(kind, DType.BOOL)]
    models.append(one_op("LOGICAL_NOT", [Spec((3, 5), DType.BOOL)], [Spec((3, 5), DType.BOOL)]))
    assert_exact(side_by_side(models), Settings(), tmp_path)


def test_prelu(tmp_path: Path) -> None:
    models = []
    for slope in ((1, 4, 5, 3), (3,), (1, 1, 3), (1,)):
        for is_constant in (True, False):
            inputs = [spec((1, 4, 5, 3), DType.INT8, False), spec(slope, DType.INT8, False, is_constant)]
            models.append(one_op("PRELU", inputs, [spec((1, 4, 5, 3), DType.INT8, False)]))
    assert_exact(side_by_side(models), Settings(), tmp_path)


def test_refusals(tmp_path: Path) -> None:
    three = Spec((3,), DType.INT64)
    with pytest.raises(ModelError, match=r"No C is generated for ADD on int64 \('out0' has 'in0'\)"):
        assert_exact(one_op("ADD", [three, three], [three]), Settings(), tmp_path)
    constant = spec((3,), DType.INT8, False, True)
    with pytest.raises(ModelError, match="ADD 'out0' has nothing but constants"):
        assert_exact(one_op("ADD", [constant, constant], [spec((3,), DType.INT8, False)]), Settings(), tmp_path)
    tiny = Spec((3,), DType.INT8, 1e-9)
    with pytest.raises(ModelError, match="SUB 'out0' has scales too far apart"):
        assert_exact(one_op("SUB", [Spec((3,), scale=0.5), Spec((3,), scale=0.5)], [tiny]), Settings(), tmp_path)
