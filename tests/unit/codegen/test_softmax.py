"""SOFTMAX: scales from where every value counts to where only the greatest does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact, compiled, reference, run
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op


def softmax(shape: tuple[int, ...], scale: float, zero_point: int = 0, beta: float = 1.0) -> bytes:
    return one_op(
        "SOFTMAX",
        [Spec(shape, scale=scale, zero_point=zero_point)],
        [Spec(shape, scale=1 / 256, zero_point=-128)],
        beta=beta,
    )


def test_exact(tmp_path: Path) -> None:
    shapes = [(1, 10), (3, 4, 5), (1, 1, 1, 2), (1, 300), (7,), (2, 1)]
    scales = [1e-6, 0.003, 0.02, 0.1, 0.17, 0.3, 0.9, 2.0, 30.0]
    models = [softmax(shape, scale, n - 9, 1.0 if n % 2 else 0.7) for shape in shapes for n, scale in enumerate(scales)]
    assert_exact(side_by_side(models), Settings(), tmp_path)


def test_every_distance(tmp_path: Path) -> None:
    """All pairs of a greatest value and another one, and rows of equal values."""
    model = side_by_side([softmax((256, 2), scale) for scale in (0.01, 0.05, 0.11, 0.25, 0.5)])
    every = np.stack([np.full(256, 127), np.arange(-128, 128)], axis=1).astype(np.int8)
    samples = [[every] * 5, [np.minimum(every, 0)] * 5, [np.full_like(every, -128)] * 5]
    found = run(compiled(model, Settings(), tmp_path), read(model).graphs[0], samples)
    for ours, theirs in zip(found, reference(model, samples), strict=True):
        for mine, wanted in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, wanted)


def test_refuses_a_scale_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="SOFTMAX 'out0' has an input whose scale is so small"):
        assert_exact(softmax((1, 4), 1e-9), Settings(), tmp_path)


def test_int16(tmp_path: Path) -> None:
    models = []
    for shape in ((1, 10), (3, 4, 5), (2, 300), (4, 1)):
        for scale in (1e-6, 1e-5, 1e-4, 1e-3, 0.01):
            inputs, results = [Spec(shape, DType.INT16, scale)], [Spec(shape, DType.INT16, 1 / 32768)]
            models.append(one_op("SOFTMAX", inputs, results, 3, beta=1.0 if scale < 1e-3 else 0.6))
    assert_exact(side_by_side(models), Settings(), tmp_path, count=20)
