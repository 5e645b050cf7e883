"""LSTMs and SVDFs of any size."""

from __future__ import annotations

import numpy as np

from edgekit.graph.codec import read, write
from edgekit.graph.types import DType
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


def svdf(rng: np.random.Generator, number: int, state: DType = DType.INT16) -> bytes:
    """An int8 SVDF of any size, its memory and time weights of type `state`."""
    batches, inputs, units, rank, memory = (int(n) for n in rng.integers(1, 6, 5))
    filters = units * rank
    limit, time_scale, state_scale = (9000, 1e-4, 1e-3) if state is DType.INT16 else (127, 1e-2, 0.05)
    state_scale *= float(rng.uniform(0.5, 2))
    bias = Spec((units,), DType.INT32, state_scale * time_scale, data=rng.integers(-9000, 9000, units, np.int32))
    sources: list[Spec | None] = [
        Spec((batches, inputs), DType.INT8, 0.02, int(rng.integers(-9, 9))),
        Spec((filters, inputs), DType.INT8, 0.01, data=rng.integers(-127, 128, (filters, inputs), np.int8)),
        Spec((filters, memory), state, time_scale, data=rng.integers(-limit, limit, (filters, memory), state.numpy)),
        bias if number % 3 or state is DType.INT8 else None,  # TFLite Micro crashes without
        Spec((batches, memory * filters), state, state_scale, is_variable=True),
    ]
    output = Spec((batches, units), DType.INT8, float(rng.uniform(0.02, 0.05)), int(rng.integers(-9, 9)))
    return one_op("SVDF", sources, [output], 3, rank=rank, fusedActivationFunction=1)


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
