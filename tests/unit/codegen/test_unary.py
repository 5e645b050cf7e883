"""Operators of one operand, over every value of int8 and of int16."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from edgekit.runtime.litert import Kernels
from tests.unit.codegen.host import Array, assert_exact, compiled, reference, run
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op

EVERY = {
    DType.INT8: np.arange(-128, 128, dtype=np.int8),
    DType.UINT8: np.arange(256).astype(np.uint8),
    DType.INT16: np.arange(-32768, 32768).astype(np.int16),
}
RNG = np.random.default_rng(57)


def every(dtype: DType, shape: tuple[int, ...] = ()) -> Array:
    return EVERY[dtype].reshape(shape or (-1,))


def unary(kind: str, source: Spec, result: Spec, version: int = 2, **options: object) -> bytes:
    return one_op(kind, [source], [result], version, **options)


def assert_same(models: list[bytes], folder: Path, kernels: Kernels = Kernels.REFERENCE) -> None:
    """Every value of each model's input."""
    model = side_by_side(models)
    graph = read(model).graphs[0]
    samples = [[every(tensor.dtype, tensor.shape) for tensor in graph.inputs]]
    found = run(compiled(model, Settings(), folder), graph, samples)
    for tensor, mine, wanted in zip(graph.outputs, found[0], reference(model, samples, kernels)[0], strict=True):
        np.testing.assert_array_equal(mine, wanted, err_msg=tensor.name)


def pairs(dtype: DType, count: int) -> list[tuple[Spec, Spec]]:
    """Inputs and outputs of various scales and zero points; the shapes have all values."""
    found = []
    for number in range(count):
        shape = (EVERY[dtype].size,) if number % 2 else (1, 16, EVERY[dtype].size // 64, 4)
        scales = 10 ** RNG.uniform(-3, -0.5, 2) / (1 if dtype is DType.INT8 else 256)
        zero_points = RNG.integers(-128, 128, 2) if dtype is DType.INT8 else (0, 0)
        scales[1] = scales[0] if number % 4 == 0 else scales[1]
        specs = [Spec(shape, dtype, float(s), int(z)) for s, z in zip(scales, zero_points, strict=True)]
        found.append((specs[0], specs[1]))
    return found


@pytest.mark.parametrize("kind", ["RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "ABS", "QUANTIZE"])
def test_lines(tmp_path: Path, kind: str) -> None:
    versions = {"RELU_N1_TO_1": 1, "RELU_0_TO_1": 1}
    int16_version = None if kind.startswith("RELU_") else 2
    models = []
    for number, (source, result) in enumerate(pairs(DType.INT8, 16)):
        options = {"alpha": [0.1, 0.3, 1.5, -0.2][number % 4]} if kind == "LEAKY_RELU" else {}
        models.append(unary(kind, source, result, versions.get(kind, 2), **options))
    for number, (source, result) in enumerate(pairs(DType.INT16, 4) if int16_version else []):
        options = {"alpha": [0.1, 0.3, 1.5, -0.2][number % 4]} if kind == "LEAKY_RELU" else {}
        models.append(unary(kind, source, result, 2, **options))
    assert_same(models, tmp_path)


def test_requantizes_between_types(tmp_path: Path) -> None:
    models = []
    for (source, _), (_, result) in zip(pairs(DType.INT8, 4), pairs(DType.INT8, 4), strict=True):
        unsigned = Spec(source.shape, DType.UINT8, source.scale, source.zero_point + 128)
        models += [unary("QUANTIZE", unsigned, Spec(source.shape, DType.INT8, result.scale, 3))]
        models += [unary("QUANTIZE", source, Spec(source.shape, DType.UINT8, result.scale, 130))]
        models += [unary("QUANTIZE", unsigned, source)]
    for source, _ in pairs(DType.INT16, 3):
        models += [unary("QUANTIZE", source, Spec(source.shape, DType.INT8, 0.01, -7))]
        models += [unary("QUANTIZE", source, Spec(source.shape, DType.INT32, 1e-6))]
    assert_same(models, tmp_path)


def test_requantizes_int32(tmp_path: Path) -> None:
    source = Spec((4000,), DType.INT32, 1e-9)
    results = [Spec((4000,), DType.INT8, 0.01, 5), Spec((4000,), DType.INT16, 1e-4)]
    assert_exact(side_by_side([unary("QUANTIZE", source, result) for result in results]), Settings(), tmp_path)


def test_hard_swish(tmp_path: Path) -> None:
    models = [
        unary("HARD_SWISH", source, result, 1)
        for source, result in pairs(DType.INT8, 24)
        if float(result.scale) > float(source.scale) / 100
    ]
    assert_same(models, tmp_path)


@pytest.mark.parametrize("kind", ["TANH", "ELU", "EXP", "LOG", "GELU"])
def test_int8_curves(tmp_path: Path, kind: str) -> None:
    models = []
    for number, (source, result) in enumerate(pairs(DType.INT8, 16)):
        options = {"approximate": number % 2 == 0} if kind == "GELU" else {}
        models.append(unary(kind, source, result, 2 if kind != "ELU" else 1, **options))
    # The reference kernels have no ELU; the others compute it by the same table.
    assert_same(models, tmp_path, Kernels.BUILTIN if kind == "ELU" else Kernels.REFERENCE)


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_sigmoids(tmp_path: Path, kind: str) -> None:
    wide = Spec((65536,), DType.INT16, 1 / 32768)
    models = [
        unary(kind, source, Spec(source.shape, scale=1 / 256, zero_point=-128)) for source, _ in pairs(DType.INT8, 8)
    ]
    scales = (1 / 4096, 1 / 2048, 1 / 8192, 3e-4, 1e-4, 1e-6, 0.001, 4.0)
    models += [unary(kind, Spec((65536,), DType.INT16, scale), wide, 3) for scale in scales]
    assert_same(models, tmp_path)


@pytest.mark.parametrize("kind", ["EXP", "LOG"])
def test_int16_curves(tmp_path: Path, kind: str) -> None:
    specs = [(3e-4, 1e-3), (1e-4, 2e-4), (1e-5, 1e-4)]
    assert_same(
        [unary(kind, Spec((65536,), DType.INT16, a), Spec((65536,), DType.INT16, b)) for a, b in specs], tmp_path
    )


def test_rsqrt_and_neg(tmp_path: Path) -> None:
    models = [unary("NEG", source, result, 1) for source, result in pairs(DType.INT8, 2)]
    for source, result in pairs(DType.INT8, 12):
        models.append(unary("RSQRT", Spec(source.shape, scale=source.scale, zero_point=-128), result))
    assert_same(models, tmp_path)


def test_int16_rsqrt(tmp_path: Path) -> None:
    """LiteRT stops at negative values."""
    source = Spec((32768,), DType.INT16, 1e-3)
    model = side_by_side([unary("RSQRT", source, Spec((32768,), DType.INT16, scale)) for scale in (1e-3, 5e-4)])
    samples = [[np.arange(32768).astype(np.int16)] * 2]
    found = run(compiled(model, Settings(), tmp_path), read(model).graphs[0], samples)
    for mine, wanted in zip(found[0], reference(model, samples)[0], strict=True):
        np.testing.assert_array_equal(mine, wanted)


def test_an_exponential_beyond_all_numbers_is_the_greatest(tmp_path: Path) -> None:
    model = unary("EXP", Spec((256,), scale=5.0), Spec((256,), scale=1e-6))
    found = run(compiled(model, Settings(), tmp_path), read(model).graphs[0], [[every(DType.INT8)]])
    assert found[0][0][:125].tolist() == [0] * 125
    assert found[0][0][128:].tolist() == [127] * 128
    with pytest.raises(ModelError, match="EXP 'out0' has shapes, scales or options that no C can have: results beyond"):
        wide = Spec((4,), DType.INT16, 1.0)
        assert_exact(unary("EXP", wide, wide), Settings(), tmp_path)


def test_refusals(tmp_path: Path) -> None:
    wide = Spec((4,), DType.INT16, 1e-4)
    with pytest.raises(ModelError, match=r"No C is generated for HARD_SWISH on int16 \('out0' has 'in0'\)"):
        assert_exact(unary("HARD_SWISH", wide, wide), Settings(), tmp_path)
    with pytest.raises(ModelError, match="HARD_SWISH 'out0' has an output scale too fine"):
        assert_exact(unary("HARD_SWISH", Spec((4,), scale=1.0), Spec((4,), scale=1e-4)), Settings(), tmp_path)
    with pytest.raises(ModelError, match="LOGISTIC 'out0' has an output scale that its arithmetic does not have"):
        assert_exact(unary("LOGISTIC", Spec((4,), scale=0.1), Spec((4,), scale=0.1)), Settings(), tmp_path)
    with pytest.raises(ModelError, match="TANH 'out0' has an input scale too large"):
        assert_exact(
            unary("TANH", Spec((4,), DType.INT16, 90.0), Spec((4,), DType.INT16, 1 / 32768)), Settings(), tmp_path
        )
