"""LSTMs: every sample of `assert_exact` is one more run of a network that remembers the ones before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import generate
from edgekit.core.errors import ModelError
from edgekit.graph.codec import read, write
from edgekit.graph.types import DType
from tests.unit.codegen.host import assert_exact
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.near import assert_within
from tests.unit.codegen.one_op import Spec, one_op, tensor


def _gates(rng: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> list[Spec]:
    if dtype is DType.INT32:
        return [Spec(shape, dtype, 1e-5, data=rng.integers(-9000, 9000, shape, np.int32)) for _ in range(4)]
    values = [rng.integers(-127, 128, shape, np.int8) for _ in range(4)]
    return [Spec(shape, dtype, float(rng.uniform(0.002, 0.02)), data=value) for value in values]


def lstm(rng: np.random.Generator, number: int, peephole: bool = False) -> bytes:
    """An int8 LSTM of any size, with the five intermediates that carry its scales."""
    batches, steps, inputs, cells = (int(n) for n in rng.integers(1, 7, 4))
    time_major, cell_scale = bool(number % 2), 2.0 ** -float(rng.integers(10, 14))
    shape = (steps, batches) if time_major else (batches, steps)
    zero_point, scale = int(rng.integers(-20, 20)), float(rng.uniform(0.004, 0.02))
    states = [
        Spec((batches, cells), DType.INT8, scale, zero_point, is_variable=True),
        Spec((batches, cells), DType.INT16, cell_scale, is_variable=True),
    ]
    peepholes = [Spec((cells,), DType.INT16, 0.001, data=np.ones(cells, np.int16))] * 3 if peephole else [None] * 3
    sources: list[Spec | None] = [Spec((*shape, inputs), DType.INT8, 0.02, int(rng.integers(-9, 9)))]
    sources += [*_gates(rng, (cells, inputs), DType.INT8), *_gates(rng, (cells, cells), DType.INT8), *peepholes]
    sources += [*_gates(rng, (cells,), DType.INT32), None, None, *states, None, None, None, None]
    options = {"fusedActivationFunction": 4, "cellClip": 1.5 if number % 3 == 0 else 0.0, "timeMajor": time_major}
    output = Spec((*shape, cells), DType.INT8, scale, zero_point)
    model = read(one_op("UNIDIRECTIONAL_SEQUENCE_LSTM", sources, [output], 3, **options))
    scales = [Spec((), DType.INT16, 0.001)] * 4 + [Spec((), DType.INT8, scale * 1.1, zero_point + 3)]
    model.graphs[0].ops[0].intermediates = [tensor(f"middle{i}", spec) for i, spec in enumerate(scales)]
    model.graphs[0].tensors += model.graphs[0].ops[0].intermediates
    return write(model)


@pytest.mark.parametrize(("seed", "compiler"), [(1, "gcc"), (2, "clang")])
def test_int8_is_exact_from_run_to_run(tmp_path: Path, seed: int, compiler: str) -> None:
    rng = np.random.default_rng(seed)
    assert_exact(side_by_side([lstm(rng, n) for n in range(16)]), Settings(), tmp_path, 12, compiler)


def lstm_f32(rng: np.random.Generator, number: int) -> bytes:
    """A float32 LSTM of any size."""
    batches, steps, inputs, cells = (int(n) for n in rng.integers(1, 7, 4))
    time_major = bool(number % 2)
    shape = (steps, batches) if time_major else (batches, steps)

    def gates(*size: int) -> list[Spec]:
        return [Spec(size, DType.FLOAT32, data=rng.normal(0, 0.5, size).astype(np.float32)) for _ in range(4)]

    state = Spec((batches, cells), DType.FLOAT32, is_variable=True)
    sources: list[Spec | None] = [Spec((*shape, inputs), DType.FLOAT32)]
    sources += [*gates(cells, inputs), *gates(cells, cells), None, None, None, *gates(cells), None, None]
    sources += [state, state, None, None, None, None]
    options = {"fusedActivationFunction": 4, "cellClip": 1.5 if number % 3 == 0 else 0.0, "timeMajor": time_major}
    return one_op("UNIDIRECTIONAL_SEQUENCE_LSTM", sources, [Spec((*shape, cells), DType.FLOAT32)], 1, **options)


def test_float32_is_near_from_run_to_run(tmp_path: Path) -> None:
    """Outputs are below 1 and a gate's error is some ulp of it; feedback shrinks what it carries on: 32 ulp of 1."""
    rng = np.random.default_rng(3)
    assert_within(side_by_side([lstm_f32(rng, n) for n in range(16)]), tmp_path, 32, least=0.5)


def test_peepholes_are_refused() -> None:
    model = lstm(np.random.default_rng(0), 0, peephole=True)
    with pytest.raises(ModelError, match="SEQUENCE_LSTM 'out0' has peephole weights, which C is not generated for"):
        generate(read(model), Settings())
