"""What calls promise the planner: how near an output may lie over its input, and that rows can be computed apart."""

from __future__ import annotations

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
from tests.unit.codegen.host import assert_exact, built, random_samples, reference, run
from tests.unit.codegen.many_ops import side_by_side
from tests.unit.codegen.one_op import Spec, one_op

Shape = tuple[int, ...]
PIXELS = (1, 6, 8, 4)


def tensor(shape: Shape, dtype: DType = DType.INT8) -> Spec:
    return Spec(shape, dtype, 0.1 if dtype.bits < 32 else None)


def numbers(values: object) -> Spec:
    array = np.array(values, np.int32)
    return Spec(array.shape, DType.INT32, data=array)


def pools() -> list[bytes]:
    models = []
    for dtype in (DType.INT8, DType.INT16):
        for window, stride in [(2, 2), (3, 1), (3, 2), (1, 1), (2, 3)]:
            for padding in (0, 1):
                rows, columns = (
                    -(-n // stride) if padding == 0 else -(-(n - window + 1) // stride) for n in PIXELS[1:3]
                )
                options = {"filterHeight": window, "filterWidth": window, "strideH": stride, "strideW": stride}
                source, result = tensor(PIXELS, dtype), tensor((1, rows, columns, 4), dtype)
                for kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
                    models.append(one_op(kind, [source], [result], 3, padding=padding, **options))
    return models


def moves() -> list[bytes]:
    models = []
    for dtype in (DType.INT8, DType.INT16, DType.INT32):
        source = tensor(PIXELS, dtype)
        models.append(one_op("TRANSPOSE", [source, numbers([0, 2, 1, 3])], [tensor((1, 8, 6, 4), dtype)], 4))
        models.append(one_op("TRANSPOSE", [source, numbers([3, 0, 2, 1])], [tensor((4, 1, 8, 6), dtype)], 4))
        models.append(
            one_op("SLICE", [source, numbers([0, 1, 2, 1]), numbers([1, 4, 5, 2])], [tensor((1, 4, 5, 2), dtype)], 3)
        )
        models.append(one_op("TILE", [tensor((3, 4), dtype), numbers([2, 3])], [tensor((6, 12), dtype)], 2))
        back = [tensor((9,), dtype), numbers([8]), numbers([-10]), numbers([-1])]
        models.append(one_op("STRIDED_SLICE", back, [tensor((9,), dtype)], 4))
        for borders in (
            [[0, 0], [1, 2], [3, 1], [0, 0]],
            [[0, 0], [0, 0], [1, 0], [2, 1]],
            [[0, 0], [0, 3], [0, 0], [0, 0]],
        ):
            out = tuple(size + sum(border) for size, border in zip(PIXELS, borders, strict=True))
            models.append(one_op("PAD", [source, numbers(borders)], [tensor(out, dtype)], 3))
    return models


def elements() -> list[bytes]:
    narrow, wide, real = (
        Spec(PIXELS, d, s) for d, s in [(DType.INT8, 0.1), (DType.INT16, 1e-3), (DType.FLOAT32, None)]
    )
    models = [one_op("ADD", [narrow, narrow], [narrow], 2), one_op("MUL", [wide, wide], [wide], 4)]
    models += [one_op("DEQUANTIZE", [narrow], [real], 2), one_op("QUANTIZE", [real], [narrow], 1)]
    models += [one_op("QUANTIZE", [wide], [narrow], 2), one_op("TANH", [narrow], [narrow], 2)]
    models += [one_op("SOFTMAX", [narrow], [Spec(PIXELS, scale=1 / 256, zero_point=-128)], 2, beta=1.0)]
    models += [one_op("LESS", [narrow, narrow], [Spec(PIXELS, DType.BOOL)], 2)]
    models += [one_op("ADD", [narrow, Spec((4,), scale=0.3, data=np.arange(4, dtype=np.int8))], [narrow], 2)]
    return models


def as_near_as_said(calls: tuple[Call, ...]) -> Plan:
    """Each call's output over one of its inputs, as near as it says; the others, and what may not overlap, apart."""
    offsets: dict[Tensor, int] = {}
    end = 0

    def place(nbytes: int) -> int:
        nonlocal end
        start, end = end, end + -(-nbytes // 16) * 16
        return start

    for number, call in enumerate(calls):
        chosen = call.inputs[number % len(call.inputs)]
        ahead = call.ahead[number % len(call.inputs)]
        output = call.outputs[0]
        offsets |= {source: place(source.nbytes) for source in call.inputs if source is not chosen or ahead is None}
        offsets[output] = place(max(output.nbytes, (ahead or 0) + chosen.nbytes))
        if ahead is not None:
            offsets[chosen] = offsets[output] + ahead
    return Plan(calls, offsets, {}, end)


@pytest.mark.parametrize("models", [pools(), moves(), elements()], ids=["pools", "moves", "elements"])
@pytest.mark.parametrize("build", [Build.PORTABLE, Build.DSP])
def test_outputs_may_lie_over_inputs_as_near_as_calls_say(tmp_path: Path, models: list[bytes], build: Build) -> None:
    model, settings = read(side_by_side(models)), Settings(build)
    graph, plan = the_graph(model), as_near_as_said(calls_of(model, settings))
    texts = {"ek_model.h": emit_header(graph, plan), "ek_model.c": emit_source(graph, plan, settings)}
    sources = {name: text.encode() for name, text in texts.items()}
    samples = random_samples(graph, 3)
    found = run(built({**sources, **library_files(plan.calls)}, tmp_path), graph, samples)
    for ours, theirs in zip(found, reference(write(model), samples), strict=True):
        for tensor, mine, wanted in zip(graph.outputs, ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, wanted.reshape(mine.shape), err_msg=tensor.name)


def follow(graph: Graph, model: bytes, *sources: Tensor) -> Tensor:
    """Puts the model's operator behind `sources`; the new tensor has a name of its own."""
    single = read(model).graphs[0]
    op, number = single.ops[0], len(graph.ops)
    for source, feed in zip(sources, single.inputs, strict=True):
        op.inputs = [source if tensor is feed else tensor for tensor in op.inputs]
    known = [tensor for tensor in single.tensors if tensor not in single.inputs]
    for tensor_ in known:
        tensor_.name = f"{tensor_.name}_{number}"
    graph.tensors += known
    graph.ops.append(op)
    return op.outputs[0]


def rows_alone() -> bytes:
    """A convolution, then two branches of padding, pooling and tables that meet in a sum, all row by row."""
    tall, padded, small = tensor((1, 32, 10, 8)), tensor((1, 35, 12, 8)), tensor((1, 17, 10, 8))
    rng = np.random.default_rng(4)
    weights = Spec((8, 3, 3, 1), scale=0.01, data=rng.integers(-127, 128, (8, 3, 3, 1), np.int8))
    strides = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}
    bias = Spec((8,), DType.INT32, 1e-3, data=rng.integers(-900, 900, 8, np.int32))
    conv = one_op("CONV_2D", [tensor((1, 32, 10, 1)), weights, bias], [tall], 3, padding=0, **strides)
    first = read(conv).graphs[0]
    graph = Graph("main", first.tensors, first.inputs, [], first.ops)
    borders = numbers([[0, 0], [1, 2], [0, 2], [0, 0]])
    surrounded = follow(graph, one_op("PAD", [tall, borders], [padded], 2), first.outputs[0])
    window = {"filterHeight": 3, "filterWidth": 3, "strideH": 2, "strideW": 1, "padding": 1}
    pooled = follow(graph, one_op("MAX_POOL_2D", [padded], [small], 3, **window), surrounded)
    flat = {"filterHeight": 2, "filterWidth": 3, "strideH": 1, "strideW": 1, "padding": 0}
    left = follow(graph, one_op("AVERAGE_POOL_2D", [small], [small], 3, **flat), pooled)
    right = follow(graph, one_op("RELU6", [small], [small], 2), pooled)
    graph.outputs = [follow(graph, one_op("ADD", [small, small], [small], 2), left, right)]
    return write(Model([graph]))


@pytest.mark.parametrize("build", [Build.PORTABLE, Build.DSP])
def test_rows_by_themselves(tmp_path: Path, build: Build) -> None:
    model = rows_alone()
    settings = Settings(build, Optimize.RAM)
    generated = generate(read(model), settings)
    streamed = {call.op.kind for placed in generated.plan.streams for call in placed.stream.calls}
    assert streamed == {"CONV_2D", "PAD", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RELU6", "ADD"}
    assert_exact(model, settings, tmp_path)
