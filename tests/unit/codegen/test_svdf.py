"""SVDF: every sample of `assert_exact` is one more run of a network that remembers the ones before."""

from __future__ import annotations

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


def svdf(rng: np.random.Generator, number: int, state: DType = DType.INT16) -> bytes:
    """An int8 SVDF of any size."""
    batches, inputs, units, rank, memory = (int(n) for n in rng.integers(1, 6, 5))
    filters = units * rank
    sources: list[Spec | None] = [
        Spec((batches, inputs), DType.INT8, 0.02, int(rng.integers(-9, 9))),
        Spec((filters, inputs), DType.INT8, 0.01, data=rng.integers(-127, 128, (filters, inputs), np.int8)),
        Spec((filters, memory), DType.INT16, 0.0001, data=rng.integers(-9000, 9000, (filters, memory), np.int16)),
        Spec((units,), DType.INT32, 1e-5, data=rng.integers(-9000, 9000, units, np.int32)) if number % 3 else None,
        Spec((batches, memory * filters), state, float(rng.uniform(0.0005, 0.002)), is_variable=True),
    ]
    output = Spec((batches, units), DType.INT8, float(rng.uniform(0.02, 0.05)), int(rng.integers(-9, 9)))
    return one_op("SVDF", sources, [output], 3, rank=rank, fusedActivationFunction=1)


@pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])
def test_int8_is_exact_from_run_to_run(tmp_path: Path, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    assert_exact(side_by_side([svdf(rng, n) for n in range(16)]), Settings(), tmp_path, 12, compiler)


def svdf_f32(rng: np.random.Generator, number: int) -> bytes:
    """A float32 SVDF of any size."""
    batches, inputs, units, rank, memory = (int(n) for n in rng.integers(1, 6, 5))
    filters = units * rank

    def normal(*shape: int) -> Spec:
        return Spec(shape, DType.FLOAT32, data=rng.normal(0, 1, shape).astype(np.float32))

    sources: list[Spec | None] = [Spec((batches, inputs), DType.FLOAT32), normal(filters, inputs)]
    sources += [normal(filters, memory), normal(units) if number % 3 else None]
    sources.append(Spec((batches, memory * filters), DType.FLOAT32, is_variable=True))
    output = Spec((batches, units), DType.FLOAT32)
    return one_op("SVDF", sources, [output], 1, rank=rank, fusedActivationFunction=number % 2)


def test_float32_is_exact_from_run_to_run(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    assert_exact(side_by_side([svdf_f32(rng, n) for n in range(16)]), Settings(), tmp_path, 12)


def test_an_int8_memory_is_refused() -> None:
    model = svdf(np.random.default_rng(0), 0, state=DType.INT8)
    with pytest.raises(ModelError, match="memory of int8, int8, int16, int8: C is generated for int8, int8, int16"):
        generate(read(model), Settings())
