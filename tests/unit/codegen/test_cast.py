"""CAST, SHAPE, RANK, REVERSE_V2 and L2_NORMALIZATION."""

from __future__ import annotations

from itertools import permutations
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


def test_casts(tmp_path: Path) -> None:
    """Of reals only to signed types: others leave undefined what a normal distribution has."""
    types = (DType.INT8, DType.INT16, DType.INT32, DType.UINT8, DType.BOOL, DType.FLOAT32)
    models = []
    for source, result in permutations(types, 2):
        if source is not DType.FLOAT32 or result in (DType.INT8, DType.INT16, DType.INT32, DType.BOOL):
            options = {"inDataType": source.value, "outDataType": result.value}
            models.append(one_op("CAST", [Spec((3, 50), source)], [Spec((3, 50), result)], 1, **options))
    assert_exact(side_by_side(models), Settings(), tmp_path)


def test_shapes(tmp_path: Path) -> None:
    models = []
    for shape in ((3, 50), (2, 1, 4)):
        models.append(one_op("SHAPE", [Spec(shape)], [Spec((len(shape),), DType.INT32)], outType=DType.INT32.value))
        models.append(one_op("RANK", [Spec(shape)], [Spec((), DType.INT32)]))
    assert_exact(side_by_side(models), Settings(), tmp_path)


def test_reversals(tmp_path: Path) -> None:
    models = []
    for dtype in (DType.INT32, DType.FLOAT32, DType.INT16):
        for shape, axis in [((7,), 0), ((3, 4), 1), ((2, 3, 4), -2), ((2, 3, 4), 0)]:
            axes = Spec((1,), DType.INT32, data=np.array([axis], np.int32))
            models.append(one_op("REVERSE_V2", [Spec(shape, dtype), axes], [Spec(shape, dtype)], 1))
    assert_exact(side_by_side(models), Settings(), tmp_path)


def test_l2_normalization(tmp_path: Path) -> None:
    models = []
    for shape in ((1, 4), (3, 5, 64), (2, 1), (1, 2000)):
        for zero_point in (-128, 0, 7):
            inputs, results = [Spec(shape, scale=0.1, zero_point=zero_point)], [Spec(shape, scale=1 / 128)]
            models.append(one_op("L2_NORMALIZATION", inputs, results, 2))
    assert_exact(side_by_side(models), Settings(), tmp_path, count=30)


def test_refuses_wide_types() -> None:
    model = one_op("CAST", [Spec((3,), DType.INT64)], [Spec((3,), DType.INT32)])
    with pytest.raises(ModelError, match=r"No C is generated for CAST on int64 \('out0' has 'in0'\)"):
        generate(read(model), Settings())
