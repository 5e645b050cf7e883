"""What the calls of layers promise the planner: how near an output may lie over its input, and rows by themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgekit.codegen.call import Build, Call, Optimize, Settings
from edgekit.codegen.emit import emit_header, emit_source
from edgekit.codegen.generate import calls_of, generate, the_graph
from edgekit.codegen.library import library_files
from edgekit.codegen.plan.plan import Plan
from edgekit.graph.codec import read, write
from edgekit.graph.model import Graph, Model, Tensor
from edgekit.graph.types import DType
from tests.unit.codegen.float_ops import pool, reduction, unary
from tests.unit.codegen.host import assert_exact, built, random_samples, reference, run
from tests.unit.codegen.layers import activation, bias, layer, weights
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op
from tests.unit.codegen.recurrent import lstm, svdf, svdf_f32
from tests.unit.codegen.test_overlap import follow

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")


def wide(rng: np.random.Generator) -> list[bytes]:
    return [layer(rng, kind, number, DType.INT16) for kind in KINDS for number in range(12)]


def real(rng: np.random.Generator) -> list[bytes]:
    layers = [layer(rng, kind, number, DType.FLOAT32) for kind in KINDS for number in range(8)]
    pools = [pool(rng, kind, number) for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D") for number in range(8)]
    return [*layers, *pools, *(reduction(rng, "MEAN") for _ in range(3)), *(unary(rng, "RELU") for _ in range(3))]


def others(rng: np.random.Generator) -> list[bytes]:
    layers = [layer(rng, "TRANSPOSE_CONV", number, DType.INT8) for number in range(12)]
    remembering = [make(rng, number) for make in (lstm, svdf, svdf_f32) for number in range(8)]
    return [*layers, *remembering]


def as_near_as_said(calls: tuple[Call, ...]) -> Plan:
    """Every output over its first input as nearly as `ahead` allows; everything else apart."""
    offsets: dict[Tensor, int] = {}
    scratch: dict[Call, int] = {}
    end = 0

    def place(nbytes: int) -> int:
        nonlocal end
        start, end = end, end + -(-nbytes // 16) * 16
        return start

    for call in calls:
        (source, *more), output, ahead = call.inputs, call.outputs[0], call.ahead[0]
        offsets |= {tensor: place(tensor.nbytes) for tensor in (*more, *call.states)}
        offsets[output] = place(max(output.nbytes, (ahead or 0) + source.nbytes))
        offsets[source] = place(source.nbytes) if ahead is None else offsets[output] + ahead
        if call.scratch_bytes:
            scratch[call] = place(call.scratch_bytes)
    return Plan(calls, offsets, scratch, end)


@pytest.mark.parametrize("models", [wide, real, others])
def test_outputs_may_lie_over_inputs_as_near_as_calls_say(
    tmp_path: Path, models: Callable[[np.random.Generator], list[bytes]]
) -> None:
    model, settings = read(side_by_side(models(np.random.default_rng(5)))), Settings(Build.DSP)
    graph, plan = the_graph(model), as_near_as_said(calls_of(model, settings))
    assert any(offset is not None for call in plan.calls for offset in call.ahead)
    texts = {"ek_model.h": emit_header(graph, plan), "ek_model.c": emit_source(graph, plan, settings)}
    sources = {name: text.encode() for name, text in texts.items()}
    samples = random_samples(graph, 3)
    found = run(built({**sources, **library_files(plan.calls)}, tmp_path), graph, samples)
    for ours, theirs in zip(found, reference(write(model), samples), strict=True):
        for tensor, mine, wanted in zip(graph.outputs, ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, wanted.reshape(mine.shape), err_msg=tensor.name)


def tall_chain(dtype: DType) -> bytes:
    """A tall image through three convolutions of different strides."""
    rng = np.random.default_rng(6)
    sizes = [(1, 40, 12, 1), (1, 40, 12, 8), (1, 20, 12, 8), (1, 20, 12, 6)]
    tall, wide_, small, last = (activation(rng, size, dtype) for size in sizes)
    bits = DType.INT64 if dtype is DType.INT16 else dtype

    def options(stride: int, **more: int) -> dict[str, int]:
        return {"strideH": stride, "strideW": 1, "padding": 0, "dilationHFactor": 1, "dilationWFactor": 1, **more}

    def constants(shape: tuple[int, ...], axis: int) -> list[Spec]:
        return [weights(rng, shape, axis, dtype), bias(rng, shape[axis], bits)]

    first = one_op("CONV_2D", [tall, *constants((8, 3, 3, 1), 0)], [wide_], 5, **options(1))
    second = one_op(
        "DEPTHWISE_CONV_2D", [wide_, *constants((1, 3, 3, 8), 3)], [small], 4, **options(2, depthMultiplier=1)
    )
    third = one_op("CONV_2D", [small, *constants((6, 1, 1, 8), 0)], [last], 5, **options(1))
    begin = read(first).graphs[0]
    graph = Graph("main", begin.tensors, begin.inputs, [], begin.ops)
    graph.outputs = [follow(graph, third, follow(graph, second, begin.outputs[0]))]
    return write(Model([graph]))


@pytest.mark.parametrize("build", [Build.PORTABLE, Build.DSP])
@pytest.mark.parametrize("dtype", [DType.INT16, DType.FLOAT32])
def test_rows_by_themselves(tmp_path: Path, dtype: DType, build: Build) -> None:
    model, settings = tall_chain(dtype), Settings(build, Optimize.RAM)
    streamed = [call.op.kind for placed in generate(read(model), settings).plan.streams for call in placed.stream.calls]
    assert streamed == ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"]
    assert_exact(model, settings, tmp_path)
