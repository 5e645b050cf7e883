"""Operators that move elements, on elements of 1, 2, 4 and 8 bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op

Shape = tuple[int, ...]
DTYPES = (DType.INT8, DType.INT16, DType.INT32, DType.FLOAT32)


def tensor(shape: Shape, dtype: DType) -> Spec:
    return Spec(shape, dtype, 0.1 if dtype.bits < 32 else None, 3 if dtype is DType.INT8 else 0)


def constant(*values: int) -> Spec:
    return Spec((len(values),), DType.INT32, data=np.array(values, np.int32))


def assert_same(models: list[bytes], folder: Path) -> None:
    assert_exact(side_by_side(models), Settings(), folder, count=3)


def transpose(dtype: DType) -> list[bytes]:
    models = []
    for shape, order in [
        ((3, 4), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, 2, 1)), ((1, 4, 5, 3), (0, 3, 1, 2)),
        ((2, 3, 4, 5), (3, 2, 1, 0)), ((1, 3, 1, 4), (2, 1, 0, 3)), ((2, 3, 2, 2, 3), (4, 1, 3, 0, 2)), ((5,), (0,)),
        ((2, 3, 4, 8), (1, 0, 2, 3)), ((2, 3, 2), (1, 0, 2)),
    ]:  # fmt: skip
        out = tuple(shape[axis] for axis in order)
        models.append(one_op("TRANSPOSE", [tensor(shape, dtype), constant(*order)], [tensor(out, dtype)], 4))
    return models


def test_transpose(tmp_path: Path) -> None:
    assert_same([model for dtype in (*DTYPES, DType.INT64) for model in transpose(dtype)], tmp_path)


def slices(dtype: DType) -> list[bytes]:
    models = []
    for shape, begin, out in [
        ((4, 5), (1, 0), (2, 5)), ((4, 5), (0, 2), (4, 2)), ((2, 6, 5, 3), (1, 2, 0, 1), (1, 3, 5, 2)), ((9,), (4,), (5,)),
    ]:  # fmt: skip
        sizes = constant(*(-1 if b + o == s else o for s, b, o in zip(shape, begin, out, strict=True)))
        models.append(one_op("SLICE", [tensor(shape, dtype), constant(*begin), sizes], [tensor(out, dtype)], 3))
    return models


def test_slices(tmp_path: Path) -> None:
    assert_same([model for dtype in DTYPES for model in slices(dtype)], tmp_path)


def strided_slices(dtype: DType) -> list[bytes]:
    """(shape, begin, end, strides, begin mask, end mask, shrink mask, output's shape)"""
    models = []
    for shape, begin, end, every, begins, ends, shrinks, out in [
        ((8,), (1,), (7,), (2,), 0, 0, 0, (3,)),
        ((8,), (-1,), (-9,), (-1,), 0, 0, 0, (8,)),
        ((8,), (0,), (0,), (-3,), 1, 1, 0, (3,)),
        ((4, 6, 5), (1, 0, -2), (3, 6, 5), (1, 2, 1), 0, 0, 0, (2, 3, 2)),
        ((4, 6, 5), (2, 0, 0), (0, 0, 0), (1, 1, 1), 6, 6, 1, (6, 5)),
        ((4, 6, 5), (-1, 5, 0), (9, 1, 99), (1, -2, 3), 0, 0, 0, (1, 2, 2)),
        ((1, 6, 5, 3), (0, 1, 1, 0), (1, 5, 4, 3), (1, 1, 1, 1), 9, 9, 0, (1, 4, 3, 3)),
        ((4, 6), (-3, 1), (0, 2), (1, 1), 0, 0, 3, ()),
    ]:
        inputs = [tensor(shape, dtype), constant(*begin), constant(*end), constant(*every)]
        options = {"beginMask": begins, "endMask": ends, "shrinkAxisMask": shrinks}
        models.append(one_op("STRIDED_SLICE", inputs, [tensor(out, dtype)], 4, **options))
    return models


def test_strided_slices(tmp_path: Path) -> None:
    assert_same([model for dtype in DTYPES for model in strided_slices(dtype)], tmp_path)


def blocks(dtype: DType) -> list[bytes]:
    models = []
    for shape, block in [((1, 4, 6, 3), 2), ((2, 6, 3, 4), 3), ((1, 2, 2, 8), 2)]:
        deep = (shape[0], shape[1] // block, shape[2] // block, shape[3] * block**2)
        models.append(one_op("SPACE_TO_DEPTH", [tensor(shape, dtype)], [tensor(deep, dtype)], 1, blockSize=block))
        models.append(one_op("DEPTH_TO_SPACE", [tensor(deep, dtype)], [tensor(shape, dtype)], 1, blockSize=block))
    return models


def test_blocks(tmp_path: Path) -> None:
    assert_same([model for dtype in (DType.INT8, DType.INT32, DType.FLOAT32) for model in blocks(dtype)], tmp_path)


def batches_of_blocks(dtype: DType) -> list[bytes]:
    models = []
    for space, block, edges in [
        ((1, 4, 6, 3), (2, 2), ((0, 0), (0, 0))), ((2, 5, 3, 2), (2, 3), ((1, 2), (2, 1))), ((1, 6, 4), (3,), ((2, 1),)),
    ]:  # fmt: skip
        sides = [size + sum(edge) for size, edge in zip(space[1:-1], edges, strict=True)]
        small = [side // by for side, by in zip(sides, block, strict=True)]
        batch = (space[0] * int(np.prod(block)), *small, space[-1])
        borders = Spec((len(edges), 2), DType.INT32, data=np.array(edges, np.int32))
        few, many = tensor(space, dtype), tensor(batch, dtype)
        models.append(one_op("SPACE_TO_BATCH_ND", [few, constant(*block), borders], [many], 2))
        models.append(one_op("BATCH_TO_SPACE_ND", [many, constant(*block), borders], [few], 2))
    return models


def test_batches_of_blocks(tmp_path: Path) -> None:
    assert_same([model for dtype in DTYPES for model in batches_of_blocks(dtype)], tmp_path)


def joins_and_parts(dtype: DType, axis: int) -> list[bytes]:
    models = []
    shapes: list[list[Shape]] = [
        [(1, 2, 3), (2, 2, 3), (1, 2, 3)],
        [(2, 1, 3), (2, 4, 3)],
        [(2, 2, 3), (2, 2, 1), (2, 2, 2), (2, 2, 1)],
    ]
    parts = [tensor(shape, dtype) for shape in shapes[axis]]
    whole = tensor(np.concatenate([np.zeros(part.shape) for part in parts], axis).shape, dtype)
    models.append(one_op("CONCATENATION", parts, [whole], 3, axis=axis, fusedActivationFunction=0))
    sizes = constant(*(part.shape[axis] for part in parts))
    models.append(one_op("SPLIT_V", [whole, sizes, constant(axis)], parts, 2, numSplits=len(parts)))
    even = [tensor((2, 2, 3), dtype)] * 3
    joined = tensor(np.concatenate([np.zeros((2, 2, 3))] * 3, axis).shape, dtype)
    models.append(one_op("SPLIT", [constant(axis), joined], even, 4, numSplits=3))
    stacked = tensor(np.stack([np.zeros((2, 2, 3))] * 3, axis).shape, dtype)
    models.append(one_op("PACK", even, [stacked], 3, axis=axis, valuesCount=3))
    models.append(one_op("UNPACK", [stacked], even, 4, axis=axis, num=3))
    return models


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_joins_and_parts(tmp_path: Path, axis: int) -> None:
    assert_same([model for dtype in DTYPES for model in joins_and_parts(dtype, axis)], tmp_path)


def joins_with_constants(dtype: DType) -> list[bytes]:
    models = []
    for axis, shapes in [(0, [(1, 3), (2, 3), (1, 3)]), (1, [(2, 1), (2, 4), (2, 2)])]:
        for fixed in (0, 1, 2):
            parts = [tensor(shape, dtype) for shape in shapes]
            values = np.arange(parts[fixed].shape[0] * parts[fixed].shape[1]).reshape(parts[fixed].shape)
            parts[fixed] = replace(parts[fixed], data=values.astype(dtype.numpy))
            whole = tensor(np.concatenate([np.zeros(shape) for shape in shapes], axis).shape, dtype)
            models.append(one_op("CONCATENATION", parts, [whole], 3, axis=axis))
    return models


def test_joins_with_constants(tmp_path: Path) -> None:
    assert_same([model for dtype in DTYPES for model in joins_with_constants(dtype)], tmp_path)


def pads(dtype: DType) -> list[bytes]:
    models = []
    for shape, borders in [
        ((1, 4, 5, 3), ((0, 0), (1, 2), (3, 0), (0, 0))), ((1, 4, 5, 3), ((0, 0), (0, 1), (0, 1), (2, 1))),
        ((2, 3, 2, 2), ((1, 0), (0, 2), (0, 0), (0, 0))), ((5,), ((2, 3),)), ((3, 4), ((1, 1), (0, 0))),
        ((2, 2, 3), ((0, 1), (1, 0), (1, 1))), ((1, 3, 3, 2), ((0, 0), (1, 1), (0, 0), (0, 0))),
    ]:  # fmt: skip
        edges = Spec((len(borders), 2), DType.INT32, data=np.array(borders, np.int32))
        out = tensor(tuple(s + sum(b) for s, b in zip(shape, borders, strict=True)), dtype)
        models.append(one_op("PAD", [tensor(shape, dtype), edges], [out], 3))
        filling = tensor((1,), dtype)
        value = Spec((1,), dtype, filling.scale, filling.zero_point, data=np.array([-7], dtype.numpy))
        models.append(one_op("PADV2", [tensor(shape, dtype), edges, value], [out], 3))
    return models


def test_pads(tmp_path: Path) -> None:
    assert_same([model for dtype in DTYPES for model in pads(dtype)], tmp_path)


def mirror_pads(dtype: DType) -> list[bytes]:
    models = []
    for shape, borders in [
        ((1, 4, 5, 3), ((0, 0), (1, 2), (3, 0), (0, 0))),
        ((5,), ((2, 3),)),
        ((3, 4), ((1, 1), (2, 0))),
    ]:
        edges = Spec((len(borders), 2), DType.INT32, data=np.array(borders, np.int32))
        out = tensor(tuple(s + sum(b) for s, b in zip(shape, borders, strict=True)), dtype)
        models += [one_op("MIRROR_PAD", [tensor(shape, dtype), edges], [out], 2, mode=mode) for mode in (0, 1)]
    return models


def test_mirror_pads(tmp_path: Path) -> None:
    assert_same([model for dtype in (DType.INT8, DType.INT16, DType.FLOAT32) for model in mirror_pads(dtype)], tmp_path)


def repetition(dtype: DType) -> list[bytes]:
    models = []
    for shape, out in [((1, 3), (4, 3)), ((3,), (2, 3)), ((2, 1, 3), (2, 5, 3)), ((1,), (7,))]:
        models.append(one_op("BROADCAST_TO", [tensor(shape, dtype), constant(*out)], [tensor(out, dtype)], 2))
    for shape, times in [((2, 3), (2, 2)), ((4,), (3,)), ((1, 2, 3), (2, 1, 3))]:
        out = tuple(s * t for s, t in zip(shape, times, strict=True))
        models.append(one_op("TILE", [tensor(shape, dtype), constant(*times)], [tensor(out, dtype)], 2))
    return models


def test_repetition(tmp_path: Path) -> None:
    assert_same([model for dtype in DTYPES for model in repetition(dtype)], tmp_path)


@pytest.mark.parametrize("kind", ["RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"])
def test_resizes(tmp_path: Path, kind: str) -> None:
    models = []
    dtypes = (DType.INT8, DType.INT16) + ((DType.FLOAT32,) if "NEAREST" in kind else ())
    for dtype in dtypes:
        for height, width in [(8, 10), (3, 2), (7, 13), (1, 1), (4, 5)]:
            for corners, centers in [(False, False), (True, False), (False, True)]:
                options = {"alignCorners": corners, "halfPixelCenters": centers}
                out = tensor((2, height, width, 3), dtype)
                inputs = [tensor((2, 4, 5, 3), dtype), constant(height, width)]
                models.append(one_op(kind, inputs, [out], 4, **options))
    assert_same(models, tmp_path)


def test_what_lies_in_one_piece_is_not_copied() -> None:
    pieces = [
        one_op("SLICE", [tensor((4, 5), DType.INT8), constant(1, 0), constant(2, 5)], [tensor((2, 5), DType.INT8)]),
        one_op("TRANSPOSE", [tensor((1, 4, 5), DType.INT8), constant(1, 0, 2)], [tensor((4, 1, 5), DType.INT8)]),
        one_op("SPLIT", [constant(0), tensor((4, 5), DType.INT8)], [tensor((2, 5), DType.INT8)] * 2, numSplits=2),
        one_op("UNPACK", [tensor((20, 5), DType.INT8)], [tensor((5,), DType.INT8)] * 20, axis=0, num=20),
    ]
    for model in pieces:
        assert generate(read(model), Settings()).plan.calls == ()


def test_refusals() -> None:
    small = Spec((2, 3), DType.INT4, 0.1)
    refused = {
        r"No C is generated for TRANSPOSE on int4": one_op("TRANSPOSE", [small, constant(0, 1)], [small]),
        "computes 'in1' while it runs": one_op("TRANSPOSE", [tensor((3,), DType.INT8), Spec((1,), DType.INT32)], [tensor((3,), DType.INT8)]),
        "joins 'in1' of another type or scale": one_op("CONCATENATION", [Spec((3,), scale=0.1), Spec((3,), scale=0.2)], [Spec((6,), scale=0.1)]),
        "has 9 parts": one_op("CONCATENATION", [tensor((2, 1), DType.INT8)] * 9, [tensor((2, 9), DType.INT8)], axis=1),
    }  # fmt: skip
    for sentence, model in refused.items():
        with pytest.raises(ModelError, match=sentence):
            generate(read(model), Settings())
