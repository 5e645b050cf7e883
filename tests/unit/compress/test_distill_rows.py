"""Every row of the lowering table against LiteRT, on several samples at once; quantized operators to one integer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgekit.compress.distill.lowered import Lowered
from edgekit.compress.distill.table import ROWS, require_rows
from edgekit.compress.probe import Probe
from edgekit.compress.quantize.step import QUANTIZE
from edgekit.compress.step import Setting
from edgekit.core.errors import UnsupportedError
from edgekit.graph.codec import write
from edgekit.graph.model import Model, Quantization, Tensor
from edgekit.graph.types import DType
from edgekit.runtime.litert import Kernels, LiteRT
from tests.unit.compress.small import ZOO, Builder, options, samples

pytest.importorskip("tensorflow", reason="needs the keras extra")
pytestmark = pytest.mark.keras

SAMPLES = 3
Make = Callable[[Builder], list[Tensor]]
CASES: list[tuple[str, Make]] = []


def case(kind: str) -> Callable[[Make], Make]:
    def kept(make: Make) -> Make:
        CASES.append((kind, make))
        return make

    return kept


def ints(b: Builder, *values: Any) -> Tensor:
    return b.constant(b.graph.unique_name("numbers"), list(values), DType.INT32)


def typed(tensor: Tensor, dtype: DType) -> Tensor:
    tensor.dtype = dtype
    return tensor


def conv(kind: str, weights: tuple[int, ...], shape: tuple[int, ...], **fields: Any) -> None:
    table = {"CONV_2D": "Conv2DOptions", "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions"}[kind]
    filled = {"strideW": 1, "strideH": 1, "padding": 0, "dilationWFactor": 1, "dilationHFactor": 1} | fields
    channels = weights[0] if kind == "CONV_2D" else weights[3]

    def make(b: Builder) -> list[Tensor]:
        x = b.input("x", 1, 9, 8, 4)
        constants: list[Tensor | None] = [b.weights("w", *weights), b.weights("b", channels)]
        return [b.op(kind, [x, *constants], "y", shape, options(table, **filled))]

    CASES.append((kind, make))


conv("CONV_2D", (6, 3, 3, 4), (1, 9, 8, 6), fusedActivationFunction=1)
conv("CONV_2D", (6, 3, 2, 4), (1, 4, 4, 6), padding=1, strideH=2, strideW=2, fusedActivationFunction=3)
conv("CONV_2D", (6, 3, 3, 4), (1, 9, 8, 6), dilationHFactor=2, dilationWFactor=2)
conv("CONV_2D", (6, 3, 3, 2), (1, 9, 8, 6))
conv("DEPTHWISE_CONV_2D", (1, 3, 3, 4), (1, 5, 4, 4), strideH=2, strideW=2, depthMultiplier=1)
conv("DEPTHWISE_CONV_2D", (1, 3, 3, 8), (1, 9, 8, 8), depthMultiplier=2, fusedActivationFunction=1)
conv("DEPTHWISE_CONV_2D", (1, 3, 3, 4), (1, 9, 4, 4), strideH=1, strideW=2, depthMultiplier=1)
conv("DEPTHWISE_CONV_2D", (1, 3, 3, 4), (1, 9, 8, 4), dilationHFactor=2, dilationWFactor=2, depthMultiplier=1)


@case("TRANSPOSE_CONV")
def transpose_conv(b: Builder) -> list[Tensor]:
    x = b.input("x", 1, 4, 5, 3)
    made = options("TransposeConvOptions", padding=0, strideH=2, strideW=2)
    parts: list[Tensor | None] = [ints(b, 1, 8, 10, 6), b.weights("w", 6, 3, 3, 3), x, b.weights("b", 6)]
    return [b.op("TRANSPOSE_CONV", parts, "y", (1, 8, 10, 6), made)]


@case("FULLY_CONNECTED")
def dense(b: Builder) -> list[Tensor]:
    x = b.input("x", 1, 5, 4)
    made = options("FullyConnectedOptions", keepNumDims=True, fusedActivationFunction=1)
    return [b.op("FULLY_CONNECTED", [x, b.weights("w", 6, 4), b.weights("b", 6)], "y", (1, 5, 6), made)]


@case("FULLY_CONNECTED")
def dense_flattens(b: Builder) -> list[Tensor]:
    x = b.input("x", 1, 1, 1, 4)
    return [b.op("FULLY_CONNECTED", [x, b.weights("w", 6, 4), None], "y", (1, 6), options("FullyConnectedOptions"))]


@case("BATCH_MATMUL")
def matmul(b: Builder) -> list[Tensor]:
    x, z = b.input("x", 1, 2, 5, 4), b.input("z", 1, 2, 6, 4)
    made = options("BatchMatMulOptions", adjX=False, adjY=True)
    return [b.op("BATCH_MATMUL", [x, z], "y", (1, 2, 5, 6), made)]


def pool(kind: str, **fields: Any) -> None:
    filled = {"padding": 0, "strideW": 2, "strideH": 2, "filterWidth": 3, "filterHeight": 3} | fields

    @case(kind)
    def make(b: Builder) -> list[Tensor]:
        return [b.op(kind, [b.input("x", 1, 9, 8, 4)], "y", (1, 5, 4, 4), options("Pool2DOptions", **filled))]


pool("AVERAGE_POOL_2D")
pool("MAX_POOL_2D", fusedActivationFunction=1)


def resize(kind: str, table: str, **fields: Any) -> None:
    @case(kind)
    def make(b: Builder) -> list[Tensor]:
        x = b.input("x", 1, 4, 5, 3)
        return [b.op(kind, [x, ints(b, 8, 10)], "y", (1, 8, 10, 3), options(table, **fields))]


resize("RESIZE_BILINEAR", "ResizeBilinearOptions", halfPixelCenters=True)
resize("RESIZE_BILINEAR", "ResizeBilinearOptions", alignCorners=True)
resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions", halfPixelCenters=True)


def one(
    kind: str, shape: tuple[int, ...], *numbers: list[Any], made: Any = None, of: tuple[int, ...] = (1, 4, 6)
) -> None:
    """An operator with one data input and constants behind it."""

    @case(kind)
    def make(b: Builder) -> list[Tensor]:
        x = b.input("x", *of)
        return [b.op(kind, [x, *(ints(b, *n) for n in numbers)], "y", shape, made)]


one("RESHAPE", (2, 12), [2, 12])
one("SQUEEZE", (4, 6), made=options("SqueezeOptions", squeezeDims=[0]))
one("EXPAND_DIMS", (1, 1, 4, 6), [0])
one("TRANSPOSE", (4, 6, 1), [1, 2, 0])
one("PAD", (1, 7, 7), [[0, 0], [1, 2], [0, 1]])
one("MIRROR_PAD", (1, 7, 7), [[0, 0], [1, 2], [0, 1]], made=options("MirrorPadOptions", mode=0))
one("SLICE", (1, 2, 3), [0, 1, 2], [1, 2, 3])
one("TILE", (1, 8, 6), [1, 2, 1])
one("REVERSE_V2", (1, 4, 6), [1])
one("SPACE_TO_DEPTH", (1, 2, 3, 8), made=options("SpaceToDepthOptions", blockSize=2), of=(1, 4, 6, 2))
one("DEPTH_TO_SPACE", (1, 8, 12, 2), made=options("DepthToSpaceOptions", blockSize=2), of=(1, 4, 6, 8))
one("SOFTMAX", (1, 4, 6), made=options("SoftmaxOptions", beta=0.7))
one("GELU", (1, 4, 6), made=options("GeluOptions", approximate=False))
one("GELU", (1, 4, 6), made=options("GeluOptions", approximate=True))
one("LEAKY_RELU", (1, 4, 6), made=options("LeakyReluOptions", alpha=0.2))
one("L2_NORMALIZATION", (1, 4, 6), made=options("L2NormOptions"))
for reduction in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"):
    one(reduction, (1, 6), [1], made=options("ReducerOptions", keepDims=False))
    one(reduction, (1, 4, 1), [-1], made=options("ReducerOptions", keepDims=True))
for plain in ("NEG", "ABS", "EXP", "SQUARE", "SIN", "COS", "FLOOR", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1",
              "ELU", "TANH", "LOGISTIC", "HARD_SWISH", "LOG_SOFTMAX"):  # fmt: skip
    one(plain, (1, 4, 6))


@case("BROADCAST_TO")
def broadcast_to(b: Builder) -> list[Tensor]:
    y = b.op("BROADCAST_TO", [b.input("x", 1, 4, 6), ints(b, 2, 3, 4, 6)], "y", (2, 3, 4, 6))
    b.graph.ops[-1].version = 2
    return [y]


@case("STRIDED_SLICE")
def strided_slice(b: Builder) -> list[Tensor]:
    x = b.input("x", 1, 6, 6)
    made = options("StridedSliceOptions", beginMask=1, endMask=1, shrinkAxisMask=4)
    parts: list[Tensor | None] = [x, ints(b, 0, 1, 2), ints(b, 0, 6, 3), ints(b, 1, 2, 1)]
    return [b.op("STRIDED_SLICE", parts, "y", (1, 3), made)]


@case("PADV2")
def pad_v2(b: Builder) -> list[Tensor]:
    parts: list[Tensor | None] = [b.input("x", 1, 4), ints(b, [0, 0], [1, 2]), b.constant("v", [0.5])]
    return [b.op("PADV2", parts, "y", (1, 7))]


@case("CONCATENATION")
def concatenation(b: Builder) -> list[Tensor]:
    parts: list[Tensor | None] = [b.input("x", 1, 4), b.weights("c", 1, 3), b.input("z", 1, 2)]
    return [b.op("CONCATENATION", parts, "y", (1, 9), options("ConcatenationOptions", axis=-1))]


@case("PACK")
def pack(b: Builder) -> list[Tensor]:
    parts: list[Tensor | None] = [b.input("x", 1, 4), b.input("z", 1, 4)]
    return [b.op("PACK", parts, "y", (1, 2, 4), options("PackOptions", axis=1, valuesCount=2))]


def several(
    b: Builder, kind: str, parts: list[Tensor | None], shapes: list[tuple[int, ...]], made: Any
) -> list[Tensor]:
    first = b.op(kind, parts, "y", shapes[0], made)
    others = [b.graph.add_tensor(Tensor(f"y{n}", s, DType.FLOAT32)) for n, s in enumerate(shapes[1:])]
    b.graph.ops[-1].outputs += others
    return [first, *others]


@case("UNPACK")
def unpack(b: Builder) -> list[Tensor]:
    return several(b, "UNPACK", [b.input("x", 1, 2, 4)], [(1, 4)] * 2, options("UnpackOptions", axis=1, num=2))


@case("SPLIT")
def split(b: Builder) -> list[Tensor]:
    made = options("SplitOptions", numSplits=2)
    return several(b, "SPLIT", [ints(b, 2), b.input("x", 1, 2, 4)], [(1, 2, 2)] * 2, made)


@case("SPLIT_V")
def split_v(b: Builder) -> list[Tensor]:
    parts: list[Tensor | None] = [b.input("x", 1, 6), ints(b, 2, 4), ints(b, 1)]
    return several(b, "SPLIT_V", parts, [(1, 2), (1, 4)], options("SplitVOptions", numSplits=2))


@case("GATHER")
def gather_of_a_table(b: Builder) -> list[Tensor]:
    ids = b.input("ids", 1, 5, dtype=DType.INT32)
    return [b.op("GATHER", [b.weights("table", 50, 4), ids], "y", (1, 5, 4), options("GatherOptions"))]


@case("GATHER")
def gather_along_an_axis(b: Builder) -> list[Tensor]:
    x = b.input("x", 1, 6, 4)
    return [b.op("GATHER", [x, ints(b, 3, 0, 3)], "y", (1, 3, 4), options("GatherOptions", axis=1))]


@case("EMBEDDING_LOOKUP")
def embedding_lookup(b: Builder) -> list[Tensor]:
    return [b.op("EMBEDDING_LOOKUP", [b.input("ids", 5, dtype=DType.INT32), b.weights("t", 50, 4)], "y", (5, 4))]


def two(
    kind: str, left: tuple[int, ...], right: tuple[int, ...], result: DType = DType.FLOAT32, made: Any = None
) -> None:
    @case(kind)
    def make(b: Builder) -> list[Tensor]:
        shape = np.broadcast_shapes(left, right)
        return [typed(b.op(kind, [b.input("x", *left), b.input("z", *right)], "y", shape, made), result)]


two("ADD", (1, 4, 6), (6,), made=options("AddOptions", fusedActivationFunction=1))
two("SUB", (4, 6), (1, 4, 6))
two("MUL", (1, 4, 6), (1, 1, 6))
for pair in ("DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "FLOOR_DIV"):
    two(pair, (1, 4), (1, 4))
for comparison in ("LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "EQUAL", "NOT_EQUAL"):
    two(comparison, (1, 4), (1, 4), DType.BOOL)


@case("ADD")
def add_a_constant(b: Builder) -> list[Tensor]:
    return [b.op("ADD", [b.input("x", 1, 4, 6), b.weights("c", 4, 6)], "y", (1, 4, 6))]


def positive(kind: str) -> None:
    @case(kind)
    def make(b: Builder) -> list[Tensor]:
        above = b.op("ADD", [b.op("ABS", [b.input("x", 1, 4)], "a", (1, 4)), b.constant("c", [0.5])], "p", (1, 4))
        parts: list[Tensor | None] = [above, b.input("z", 1, 4)] if kind == "POW" else [above]
        return [b.op(kind, parts, "y", (1, 4))]


for root in ("SQRT", "RSQRT", "LOG", "POW"):
    positive(root)


def logical(kind: str) -> None:
    @case(kind)
    def make(b: Builder) -> list[Tensor]:
        x, z = b.input("x", 1, 4), b.input("z", 1, 4)
        bits: list[Tensor | None] = [
            typed(b.op("LESS", [x, z], "p", (1, 4)), DType.BOOL),
            typed(b.op("LESS", [x, b.constant("c", [0.0])], "q", (1, 4)), DType.BOOL),
        ]
        return [typed(b.op(kind, bits[: 1 if kind == "LOGICAL_NOT" else 2], "y", (1, 4)), DType.BOOL)]


for logic in ("LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT"):
    logical(logic)


def choice(kind: str) -> None:
    @case(kind)
    def make(b: Builder) -> list[Tensor]:
        x, z = b.input("x", 1, 4), b.input("z", 1, 4)
        less = typed(b.op("LESS", [x, z], "p", (1, 4)), DType.BOOL)
        return [b.op(kind, [less, x, z], "y", (1, 4))]


choice("SELECT")
choice("SELECT_V2")


@case("CAST")
def cast(b: Builder) -> list[Tensor]:
    made = options("CastOptions", inDataType=DType.INT32.value, outDataType=DType.FLOAT32.value)
    return [b.op("CAST", [b.input("ids", 1, 4, dtype=DType.INT32)], "y", (1, 4), made)]


@case("PRELU")
def prelu(b: Builder) -> list[Tensor]:
    return [b.op("PRELU", [b.input("x", 1, 3, 3, 4), b.weights("a", 1, 1, 4)], "y", (1, 3, 3, 4))]


def largest(kind: str, table: str) -> None:
    @case(kind)
    def make(b: Builder) -> list[Tensor]:
        made = options(table, outputType=DType.INT32.value)
        return [typed(b.op(kind, [b.input("x", 1, 4, 6), ints(b, -1)], "y", (1, 4), made), DType.INT32)]


largest("ARG_MAX", "ArgMaxOptions")
largest("ARG_MIN", "ArgMinOptions")


def grid(tensor: Tensor, scale: float, zero: int, dtype: DType = DType.INT8) -> Tensor:
    tensor.dtype = dtype
    tensor.quantization = Quantization(np.array([scale], np.float32), np.array([zero], np.int64))
    return tensor


@case("QUANTIZE")
@case("DEQUANTIZE")
def there_and_back(b: Builder) -> list[Tensor]:
    stored = grid(b.op("QUANTIZE", [b.input("x", 1, 4, 6)], "q", (1, 4, 6)), 0.02, 3)
    return [b.op("DEQUANTIZE", [stored], "y", (1, 4, 6))]


def feeds_of(model: Model) -> list[dict[str, Any]]:
    rng = np.random.default_rng(5)

    def one_of(tensor: Tensor) -> Any:
        if tensor.dtype is DType.INT32:
            return rng.integers(0, 50, tensor.shape).astype(np.int32)
        return rng.normal(0, 1, tensor.shape).astype(np.float32)

    return [{p.name: one_of(p.tensor) for p in model.inputs()} for _ in range(SAMPLES)]


def both(model: Model, kernels: Kernels) -> list[tuple[Tensor, Any, Any]]:
    """Each output with its values by the lowering, all samples at once, and by LiteRT, one after another."""
    feeds, runtime = feeds_of(model), LiteRT(write(model), kernels=kernels)
    values = Lowered(model)({name: np.stack([feed[name] for feed in feeds]) for name in feeds[0]})
    wanted = [runtime.run_float(feed) for feed in feeds]
    return [(p.tensor, np.asarray(values[p.tensor]), np.stack([w[p.name] for w in wanted])) for p in model.outputs()]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[kind for kind, _ in CASES])
def test_a_row_computes_what_litert_does(number: int) -> None:
    builder = Builder()
    model = builder.model(*CASES[number][1](builder))
    for tensor, found, wanted in both(model, Kernels.BUILTIN):
        assert found.shape == wanted.shape == (SAMPLES, *tensor.shape)
        # float32 sums in another order, and other polynomials for exp and tanh: a few of its last digits
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("scheme", ["int8", "int4", "int16x8"])
@pytest.mark.parametrize("name", ZOO)
def test_a_quantized_operator_is_rounded_as_the_kernels_round(name: str, scheme: str) -> None:
    """Each operator on what LiteRT gave its inputs, so that no difference hides another."""
    model = ZOO[name]()
    feeds = samples(model, 6)
    options_ = QUANTIZE.options({"scheme": scheme})
    quantized = QUANTIZE.apply(model, QUANTIZE.plan(model, options_, Setting(samples=feeds)))
    watched = [t for t in quantized.main.tensors if not t.is_constant]
    probe, lowered = Probe(quantized, watched, kernels=Kernels.REFERENCE), Lowered(quantized)
    seen = [probe.see(feed) for feed in feeds.arrays]
    given = {t: np.stack([values[place] for values in seen]) for place, t in enumerate(watched)}
    for op in quantized.main.ops:
        values = dict(given)
        lowered.compute(op, values)
        for tensor in op.outputs:
            step = tensor.quantization.scale[0] if tensor.quantization is not None else 1e-5
            far = np.abs(np.asarray(values[tensor]) - given[tensor]) / step
            # the reference kernels multiply by a 31-bit number and round halves away from zero: one integer at most
            assert far.max() < 1.01, op
            # which is seldom where sums are many: means of few integers are often a half, softmax reads a table
            assert (far > 0.5).mean() < 0.1 or op.kind in ("MEAN", "AVERAGE_POOL_2D", "SOFTMAX"), op


def test_every_row_is_tested() -> None:
    assert {kind for kind, _ in CASES} == set(ROWS)


def test_an_operator_without_a_row_is_named() -> None:
    b = Builder()
    model = b.model(b.op("CUMSUM", [b.input("x", 1, 4), ints(b, 1)], "sum", (1, 4), options("CumsumOptions")))
    with pytest.raises(UnsupportedError, match="CUMSUM 'sum' cannot be trained through"):
        require_rows(model)
