"""Reductions, searches, look-ups and steps between reals and stored values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from edgekit.runtime.litert import Kernels
from tests.unit.codegen.host import assert_exact, compiled, random_samples, reference, run
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op

Shape = tuple[int, ...]
RNG = np.random.default_rng(58)
REDUCED: list[tuple[Shape, Shape]] = [
    ((1, 5, 7, 4), (1, 2)), ((1, 5, 7, 4), (3,)), ((2, 3, 4, 5), (0, 2)), ((6, 7), (0,)), ((6, 7), (-1,)),
    ((3, 4, 5), (0, 1, 2)), ((1, 64, 33, 2), (2, 1)), ((3, 1, 4), (1,)), ((9,), (0,)),
]  # fmt: skip


def constant(*values: int) -> Spec:
    return Spec((len(values),), DType.INT32, data=np.array(values, np.int32))


def reduction(
    kind: str, shape: Shape, gone: Shape, dtype: DType, scales: tuple[float, float], version: int = 2
) -> bytes:
    keeps = bool(RNG.integers(0, 2))
    out = tuple(np.zeros(shape).sum(axis=gone, keepdims=keeps).shape)
    zero_points = [int(z) for z in RNG.integers(-128, 128, 2)] if dtype is DType.INT8 else [0, 0]
    same = kind.startswith("REDUCE")
    source = Spec(shape, dtype, scales[0] if dtype.bits < 32 and dtype is not DType.BOOL else None, zero_points[0])
    result = Spec(out, dtype, source.scale if same else scales[1], zero_points[0 if same else 1])
    return one_op(kind, [source, constant(*gone)], [result], version, keepDims=keeps)


SCALES = [(0.05, 0.05), (0.05, 0.011), (0.003, 0.8), (0.7, 0.01)]


def sums(kind: str, dtype: DType) -> bytes:
    return side_by_side([reduction(kind, *case, dtype, scales) for case in REDUCED for scales in SCALES])


@pytest.mark.parametrize("dtype", [DType.INT8, DType.INT16])
def test_means(tmp_path: Path, dtype: DType) -> None:
    assert_exact(sums("MEAN", dtype), Settings(), tmp_path, count=4)


def test_int8_sums(tmp_path: Path) -> None:
    """LiteRT 2.3's reference SUM takes int8 for uint8: where neither input nor output is negative they are the same."""
    model = sums("SUM", DType.INT8)
    graph = read(model).graphs[0]
    samples = [[np.abs(array // 2) for array in sample] for sample in random_samples(graph, 4)]
    found = run(compiled(model, Settings(), tmp_path), graph, samples)
    for ours, theirs in zip(found, reference(model, samples), strict=True):
        for mine, wanted in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(np.maximum(mine, 0), np.minimum(wanted.view(np.uint8), 127))


@pytest.mark.parametrize("dtype", [DType.INT8, DType.INT16])
def test_sums_of_any_sign(tmp_path: Path, dtype: DType) -> None:
    """LiteRT's other SUM computes in float32: at most one apart."""
    model = sums("SUM", dtype)
    graph = read(model).graphs[0]
    samples = random_samples(graph, 4)
    found = run(compiled(model, Settings(), tmp_path), graph, samples)
    for ours, theirs in zip(found, reference(model, samples, Kernels.BUILTIN), strict=True):
        for mine, wanted in zip(ours, theirs, strict=True):
            assert np.abs(mine.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("kind", ["REDUCE_MAX", "REDUCE_MIN", "REDUCE_ANY", "REDUCE_ALL"])
def test_picks(tmp_path: Path, kind: str) -> None:
    dtypes = [DType.BOOL] if kind in ("REDUCE_ANY", "REDUCE_ALL") else [DType.INT8, DType.INT16, DType.INT32]
    version = 1 if DType.BOOL in dtypes else 3
    models = [reduction(kind, *case, dtype, (0.1, 0.1), version) for dtype in dtypes for case in REDUCED]
    assert_exact(side_by_side(models), Settings(), tmp_path)


@pytest.mark.parametrize("kind", ["ARG_MAX", "ARG_MIN"])
def test_searches(tmp_path: Path, kind: str) -> None:
    models = []
    for dtype in (DType.INT8, DType.UINT8, DType.INT32, DType.FLOAT32):
        for shape, axis in [((1, 10), 1), ((3, 4, 5), 1), ((4, 6), 0), ((2, 5, 300), -1)]:
            for index in (DType.INT32, DType.INT64):
                out = tuple(np.zeros(shape).argmax(axis).shape)
                source = Spec(shape, dtype, 0.1 if dtype.bits == 8 else None)
                code = index.value
                models.append(one_op(kind, [source, constant(axis)], [Spec(out, index)], 2, outputType=code))
    assert_exact(side_by_side(models), Settings(), tmp_path)


def test_gather(tmp_path: Path) -> None:
    models, samples, rng = [], [], np.random.default_rng(3)
    for dtype in (DType.INT8, DType.INT16, DType.INT32, DType.FLOAT32):
        for shape, axis, batch_axes, places in [
            ((5, 3), 0, 0, (4,)),
            ((2, 5, 3), 1, 0, (2, 2)),
            ((2, 5, 3), 1, 1, (2, 3)),
            ((4, 6), -1, 0, ()),
        ]:
            for is_table, index in [(False, DType.INT32), (True, DType.INT32), (False, DType.INT64)]:
                values = rng.integers(-100, 100, shape).astype(dtype.numpy)
                size = shape[axis]
                out = shape[: axis % len(shape)] + places[batch_axes:] + shape[axis % len(shape) + 1 :]
                scale = 0.1 if dtype.bits < 32 else None
                data = Spec(shape, dtype, scale, data=values if is_table else None)
                options = {"axis": axis, "batchDims": batch_axes}
                models.append(one_op("GATHER", [data, Spec(places, index)], [Spec(out, dtype, scale)], 4, **options))
                chosen = rng.integers(0, size, places).astype(index.numpy)
                samples += [chosen] if is_table else [values, chosen]
        known = Spec((3,), DType.INT32, data=np.array([4, 0, 0], np.int32))
        models.append(one_op("GATHER", [Spec((5, 2), dtype, scale), known], [Spec((3, 2), dtype, scale)], 4))
        samples.append(rng.integers(-100, 100, (5, 2)).astype(dtype.numpy))
    model = side_by_side(models)
    found = run(compiled(model, Settings(), tmp_path), read(model).graphs[0], [samples])[0]
    for mine, wanted in zip(found, reference(model, [samples])[0], strict=True):
        np.testing.assert_array_equal(mine, wanted)


def test_embedding_lookup(tmp_path: Path) -> None:
    table = np.random.default_rng(2).integers(-100, 100, (6, 5)).astype(np.float32)
    inputs = [Spec((3,), DType.INT32), Spec((6, 5), DType.FLOAT32, data=table)]
    model = one_op("EMBEDDING_LOOKUP", inputs, [Spec((3, 5), DType.FLOAT32)])
    samples = [[np.array([5, 0, 3], np.int32)]]
    found = run(compiled(model, Settings(), tmp_path), read(model).graphs[0], samples)
    np.testing.assert_array_equal(found[0][0], reference(model, samples)[0][0])


def test_numbers_outside_a_table_read_its_end(tmp_path: Path) -> None:
    table = Spec((3,), DType.INT32, data=np.array([7, 8, 9], np.int32))
    model = one_op("GATHER", [table, Spec((4,), DType.INT32)], [Spec((4,), DType.INT32)])
    places = np.array([-5, 1, 3, 1 << 30], np.int32)
    found = run(compiled(model, Settings(), tmp_path), read(model).graphs[0], [[places]])
    assert found[0][0].tolist() == [7, 8, 9, 9]


def test_quantize_and_dequantize(tmp_path: Path) -> None:
    models = []
    for dtype, zero_point in [(DType.INT8, -7), (DType.UINT8, 130), (DType.INT16, 0)]:
        for scale in (0.02, 0.5, 1e-4):
            stored, reals = Spec((1, 9, 9, 8), dtype, scale, zero_point), Spec((1, 9, 9, 8), DType.FLOAT32)
            models.append(one_op("QUANTIZE", [reals], [stored], 2))
            models.append(one_op("DEQUANTIZE", [stored], [reals], 3))
    assert_exact(side_by_side(models), Settings(), tmp_path)


def test_halves_round_away_from_zero(tmp_path: Path) -> None:
    model = one_op("QUANTIZE", [Spec((8,), DType.FLOAT32)], [Spec((8,), DType.INT8, 1.0, 0)])
    reals = np.array([0.5, -0.5, 1.5, -2.5, 0.49999997, -0.49999997, 1e30, -1e30], np.float32)
    found = run(compiled(model, Settings(), tmp_path), read(model).graphs[0], [[reals]])
    assert found[0][0].tolist() == [1, -1, 2, -3, 0, 0, 127, -128]


def test_refusals() -> None:
    many = Spec((2, 2, 2, 2, 2, 2, 2), DType.INT8, 0.1)
    refused = {
        "reduces along more axes": one_op("SUM", [many, constant(0, 2, 4, 6)], [Spec((2, 2, 2), DType.INT8, 0.1)]),
        "names axis 4 of a tensor of 1": one_op("SUM", [Spec((2,), scale=0.1), constant(4)], [Spec((2,), scale=0.1)]),
        "No C is generated for DEQUANTIZE on int32": one_op("DEQUANTIZE", [Spec((2,), DType.INT32)], [Spec((2,), DType.FLOAT32)]),
        "No C is generated for CUMSUM": one_op("CUMSUM", [Spec((2,), DType.INT32), constant(0)], [Spec((2,), DType.INT32)]),
    }  # fmt: skip
    for sentence, model in refused.items():
        with pytest.raises(ModelError, match=sentence):
            generate(read(model), Settings())
