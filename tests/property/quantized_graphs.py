"""Random nets of stored values: the shapes of `random_graphs`, every tensor given a type, a scale and a zero point.

@given(nets(DType.INT8))
def test_generated_c_is_exact(model: bytes) -> None: ...
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from edgekit.graph.codec import write
from edgekit.graph.model import Model, Op, Tensor
from edgekit.graph.tensor import Quantization
from edgekit.graph.types import DType
from tests.property.random_graphs import GROWTHS, Draw
from tests.unit.codegen.one_op import Spec, tensor
from tests.unit.compress.net import NONE, RELU, Net
from tests.unit.compress.small import options

_SAME_SCALE = {
    "AVERAGE_POOL_2D", "BATCH_TO_SPACE_ND", "CONCATENATION", "DEPTH_TO_SPACE", "GATHER", "MAXIMUM", "MAX_POOL_2D",
    "MINIMUM", "PACK", "PAD", "PADV2", "REDUCE_MAX", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SLICE",
    "SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE", "TRANSPOSE", "UNPACK", "NEG",
}  # fmt: skip
_FIXED = {
    DType.INT8: {"SOFTMAX": (2.0**-8, -128), "LOGISTIC": (2.0**-8, -128), "TANH": (2.0**-7, 0)},
    DType.INT16: {"SOFTMAX": (2.0**-15, 0), "LOGISTIC": (2.0**-15, 0), "TANH": (2.0**-15, 0)},
}
_CHANNEL_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "TRANSPOSE_CONV": 0, "FULLY_CONNECTED": 0}


class StoredNet:
    """The bytes of a model, which hypothesis can print."""

    def __init__(self, model: Model) -> None:
        self.data = write(model)
        graph = model.main
        ops = [f"{op.kind}({', '.join(t.name for t in op.inputs if t)}) {[t.name for t in op.outputs]}"
               f" {[list(t.shape) for t in op.outputs]}" for op in graph.ops]  # fmt: skip
        ports = f"{[t.name for t in graph.inputs]} -> {[t.name for t in graph.outputs]}"
        self.text = "\n  ".join([ports, *ops])

    def __repr__(self) -> str:
        return self.text


@st.composite
def nets(draw: Draw, dtype: DType, most: int = 6) -> StoredNet:
    """One or two images in, up to `most` growths, and any of what came of them out; nothing need be read."""
    net = Net(draw(st.integers(0, 1000)))
    live = [
        net.input(f"image_{n}", 1, draw(st.sampled_from([1, 4, 5, 8, 24])), draw(st.sampled_from([1, 3, 8])),
                  draw(st.integers(1, 5)))
        for n in range(draw(st.integers(1, 2)))
    ]  # fmt: skip
    for _ in range(draw(st.integers(0, most))):
        live += draw(st.sampled_from(_GROWTHS))(draw, net, live)
    read = {t for op in net.graph.ops for t in op.inputs}
    loose = [t for t in live if t not in read and t not in net.graph.inputs] or live[:1]
    more = draw(st.lists(st.sampled_from(live), max_size=2))
    model = net.model(*dict.fromkeys((*loose, *more)))
    if dtype is not DType.FLOAT32:
        stored(model, dtype, np.random.default_rng(draw(st.integers(0, 1000))))
    return StoredNet(model)


def _doubled(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """With itself."""
    x = live[-1 - draw(st.integers(0, min(3, len(live) - 1)))]
    if x.shape[3] <= 8 and draw(st.booleans()):
        return [net.concat(3, x, x)]
    return [net.binary(draw(st.sampled_from(["ADD", "SUB", "MUL"])), x, x)]


def _chain(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """Parted, each part taken further, joined again."""
    x = live[-1]
    if x.shape[3] % 2:
        return []
    a, b = net.split(x, 2, 3)
    a = net.conv(a, draw(st.integers(1, 4))) if draw(st.booleans()) else net.unary("RELU", a)
    return [net.concat(3, *draw(st.permutations([a, b, x])))]


def _strides(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """A stride beyond the kernel, or a window beyond the image."""
    x = live[-1]
    if draw(st.booleans()):
        return [net.conv(x, draw(st.integers(1, 6)), size=draw(st.sampled_from([1, 2])), stride=3)]
    return [net.depthwise(x, size=draw(st.sampled_from([5, 7])), stride=draw(st.sampled_from([1, 4])))]


def _flat(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """A dense layer and its result as an image."""
    made = net.dense(live[-1], draw(st.integers(1, 6)), act=draw(st.sampled_from([NONE, RELU])))
    return [net.reshape(made, 1, 1, 1, made.shape[1])]


def _remembers(draw: Draw, net: Net, live: list[Tensor]) -> list[Tensor]:
    """An SVDF, its weights and memory."""
    x = live[-1]
    flat = net.reshape(x, 1, x.size)
    units, memory = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    name = net.fresh("svdf")
    state = net.graph.add_tensor(Tensor(f"{name}/state", (1, memory * units), DType.FLOAT32, is_variable=True))
    inputs = [flat, net.weights(f"{name}/w", units, x.size), net.weights(f"{name}/t", units, memory), None, state]
    made = net.plain("SVDF", inputs, (1, units), options("SVDFOptions", rank=1, fusedActivationFunction=RELU))
    return [net.reshape(made, 1, 1, 1, units)]


_GROWTHS = (*GROWTHS, _doubled, _chain, _chain, _strides, _flat, _remembers)


def stored(model: Model, dtype: DType, rng: np.random.Generator) -> None:
    """Give every float tensor of a model a type and a scale, as its reader wants it."""
    for op in model.main.ops:
        if op.kind == "SUM":  # LiteRT's reference takes int8 for uint8
            op.kind = "MEAN"
    given: dict[Tensor, Quantization] = {}
    for group in _tied(model.main.ops, model.main.tensors):
        fixed = {_FIXED[dtype][op.kind] for op in model.main.ops if op.kind in _FIXED[dtype] and op.outputs[0] in group}
        scale, zero_point = min(fixed) if fixed else _scale(dtype, rng)
        given |= dict.fromkeys(group, _quantization(scale, zero_point))
    for op in model.main.ops:
        _constants(op, dtype, given, rng)
    for t in model.main.tensors:
        if t.dtype is DType.FLOAT32 and t.quantization is None:
            t.quantization = given[t]
            data, t.dtype = t.data, dtype
            if data is not None:
                low, high = dtype.integer_range or (0, 0)
                t.set_data(rng.integers(low, high, data.shape, dtype.numpy, endpoint=True))


def _scale(dtype: DType, rng: np.random.Generator) -> tuple[float, int]:
    if dtype is DType.INT16:
        return float(rng.uniform(0.0002, 0.001)), 0
    return float(rng.uniform(0.02, 0.1)), int(rng.integers(-30, 30)) if rng.random() < 0.9 else 127


def _quantization(scale: Any, zero_point: int, axis: int = 0) -> Quantization:
    made = tensor("", Spec((), scale=scale, zero_point=zero_point, axis=axis)).quantization
    assert made is not None
    return made


def _tied(ops: list[Op], tensors: list[Tensor]) -> list[set[Tensor]]:
    """Float tensors that must have one scale."""
    groups = {t: {t} for t in tensors if t.dtype is DType.FLOAT32}
    for op in ops:
        if op.kind in _SAME_SCALE:
            alike = [t for t in (*op.inputs, *op.outputs) if t in groups]
            joined = set().union(*(groups[t] for t in alike if t))
            groups |= dict.fromkeys(joined, joined)
    return list({id(group): group for group in groups.values()}.values())


def _constants(op: Op, dtype: DType, given: dict[Tensor, Quantization], rng: np.random.Generator) -> None:
    """Weights and biases."""
    if op.kind == "SVDF":
        _svdf(op, rng)
    elif op.kind in _CHANNEL_AXES:
        source, weights = (op.inputs[i] for i in ((2, 1) if op.kind == "TRANSPOSE_CONV" else (0, 1)))
        assert source and weights
        axis = _CHANNEL_AXES[op.kind]
        scales = rng.uniform(0.001, 0.01, weights.shape[axis] if op.kind != "FULLY_CONNECTED" else 1).astype(np.float32)
        _become(weights, DType.INT8, _quantization(tuple(scales), 0, axis), rng)
        bias = op.inputs[3 if op.kind == "TRANSPOSE_CONV" else 2] if len(op.inputs) > 2 else None
        if bias is not None:
            wide = DType.INT64 if dtype is DType.INT16 else DType.INT32
            _become(bias, wide, _quantization(tuple(scales * given[source].scale[0]), 0), rng)


def _svdf(op: Op, rng: np.random.Generator) -> None:
    feature, time, state = op.inputs[1], op.inputs[2], op.inputs[4]
    assert feature and time and state
    _become(feature, DType.INT8, _quantization(0.01, 0), rng)
    _become(time, DType.INT16, _quantization(0.0001, 0), rng)
    state.dtype, state.quantization = DType.INT16, _quantization(0.001, 0)


def _become(constant: Tensor, dtype: DType, quantization: Quantization, rng: np.random.Generator) -> None:
    limit = 127 if dtype is DType.INT8 else 9000
    constant.dtype, constant.quantization = dtype, quantization
    constant.set_data(rng.integers(-limit, limit, constant.shape, dtype.numpy, endpoint=True))
