"""A small net for each family of operators, with something that can be cut before it and something that reads behind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.graph.model import Model, Tensor
from edgekit.graph.types import DType
from tests.unit.compress.net import RELU, RELU6, Net
from tests.unit.compress.small import conv_net, options, text_net

Family = Callable[[], Model]


def _image(seed: int = 0, channels: int = 3) -> tuple[Net, Tensor]:
    net = Net(seed)
    return net, net.input("image", 1, 8, 8, channels)


def _read(net: Net, x: Tensor, out: int = 5) -> Model:
    """Convolution where it is an image, then dense: reads every channel."""
    if len(x.shape) == 4:
        x = net.reduce(net.conv(x, 6, size=1), (1, 2))
    return net.model(net.dense(x, out))


def plain_and_dilated() -> Model:
    net, x = _image()
    return _read(net, net.conv(net.conv(net.conv(x, 8), 12, dilation=2), 10, stride=2, act=RELU6))


def grouped() -> Model:
    net, x = _image()
    return _read(net, net.conv(net.conv(net.conv(x, 8), 12, groups=4), 8, groups=2))


def grouped_one_by_one() -> Model:
    net, x = _image()
    return _read(net, net.conv(net.conv(x, 6), 12, groups=6))


def grouped_one_by_one_of_the_input() -> Model:
    net, x = _image()
    return _read(net, net.conv(x, 12, groups=3))


def depthwise_multiplied() -> Model:
    net, x = _image()
    return _read(net, net.depthwise(net.depthwise(net.conv(x, 6), 3, stride=2), 1, dilation=2))


def depthwise_of_the_input() -> Model:
    net, x = _image()
    return _read(net, net.depthwise(x, 4))


def depthwise_of_one_channel() -> Model:
    net, x = _image(channels=1)
    return _read(net, net.depthwise(x, 8))


def transposed() -> Model:
    net, x = _image()
    return _read(net, net.conv(net.transposed(net.transposed(net.conv(x, 6, stride=4), 8), 7), 5))


def conv_3d() -> Model:
    net = Net()
    x = net.input("video", 1, 4, 6, 6, 2)
    opts = options("Conv3DOptions", padding=0, strideD=1, strideH=1, strideW=1, dilationDFactor=1, dilationHFactor=1,
                   dilationWFactor=1)  # fmt: skip
    for n, (i, o) in enumerate([(2, 6), (6, 8), (8, 3)]):
        inputs = [x, net.weights(f"w{n}", 3, 3, 3, i, o), net.weights(f"b{n}", o)]
        x = net.plain("CONV_3D", inputs, (1, 4, 6, 6, o), opts)
    return net.model(x)


def residual_adds() -> Model:
    net, x = _image()
    a = net.conv(x, 8)
    b = net.binary("ADD", a, net.conv(net.conv(a, 12), 8))
    c = net.binary("ADD", net.conv(b, 8), net.conv(b, 8, size=1))
    return _read(net, net.binary("ADD", b, c))


def broadcasts() -> Model:
    """A gate for each channel, a gate for each pixel, and constants of every shape."""
    net, x = _image()
    a = net.conv(x, 8)
    gate = net.unary("LOGISTIC", net.conv(net.conv(net.reduce(a, (1, 2), keep=True), 4, size=1), 8, size=1))
    pixels = net.unary("LOGISTIC", net.conv(a, 1, size=1))
    a = net.binary("MUL", net.binary("MUL", a, gate), pixels)
    a = net.binary("SUB", net.weights("each", 8), a)
    a = net.binary("ADD", a, net.weights("all", 1))
    a = net.binary("MUL", a, net.weights("map", 1, 8, 8, 1))
    a = net.binary("MAXIMUM", a, net.weights("full", 1, 8, 8, 8))
    a = net.binary("MINIMUM", a, net.weights("wide", 1, 1, 1, 8))
    return _read(net, net.binary("DIV", a, net.constant("divisors", np.arange(1, 9))))


def shared_vector() -> Model:
    """One bias for two convolutions that have nothing else in common."""
    net, x = _image()
    a, b = net.conv(x, 8), net.conv(x, 8, size=1)
    net.graph.ops[1].inputs[2] = net.graph.ops[0].inputs[2]
    net.graph.sweep()
    return net.model(net.conv(a, 3), net.conv(b, 3))


def shared_reader() -> Model:
    """One row of weights reads two layers that have nothing else in common."""
    net, x = _image()
    a, b = net.dense(x, 8, RELU), net.dense(x, 8, RELU)
    first, second = net.dense(a, 1), net.dense(b, 1)
    net.graph.ops[3].inputs[1] = net.graph.ops[2].inputs[1]
    net.graph.sweep()
    return net.model(first, second)


def shared_matrix() -> Model:
    """One kernel for two convolutions."""
    net, x = _image()
    a, b = net.conv(net.conv(x, 6), 8), net.conv(net.conv(x, 6), 8)
    net.graph.ops[3].inputs[1] = net.graph.ops[1].inputs[1]
    net.graph.sweep()
    return net.model(net.conv(a, 3), net.conv(b, 3))


def not_zero_at_zero() -> Model:
    """Behind these a channel of zeros is not zero any more."""
    net, x = _image()
    a = net.unary("LOGISTIC", net.conv(x, 8))
    b = net.conv(net.unary("EXP", a, options("ExpOptions")), 8)
    return _read(net, net.unary("COS", net.binary("SUB", net.constant("one", 1.0), b), options("CosOptions")))


def activations() -> Model:
    net, x = _image()
    kinds = {"RELU": None, "RELU6": None, "RELU_N1_TO_1": None, "HARD_SWISH": options("HardSwishOptions"),
             "GELU": options("GeluOptions"), "TANH": None, "LEAKY_RELU": options("LeakyReluOptions", alpha=0.1),
             "LOGISTIC": None, "ABS": options("AbsOptions"), "NEG": options("NegOptions"),
             "SQUARE": options("SquareOptions")}  # fmt: skip
    for kind, opts in kinds.items():
        x = net.unary(kind, net.conv(x, 6, size=1, act=0), opts)
    return _read(net, net.plain("PRELU", [net.conv(x, 6, act=0), net.weights("alpha", 1, 1, 6)], x.shape))


def elu() -> Model:
    net, x = _image()
    return _read(net, net.unary("ELU", net.conv(x, 6, act=0)))


def flattened() -> Model:
    net, x = _image()
    a = net.reshape(net.pool(net.conv(x, 6), size=4), 1, -1)
    return net.model(net.dense(net.dense(a, 9), 4))


def flattened_by_dense() -> Model:
    net, x = _image()
    return net.model(net.dense(net.dense(net.pool(net.conv(x, 6), size=4), 9), 4))


def flattened_by_its_shape() -> Model:
    """As a converter writes a flatten layer, and a transposed convolution whose size follows its input's."""
    net, x = _image()
    a = _with_computed_shape(net, net.pool(net.conv(x, 6), size=4), (24,))
    b = net.transposed(net.conv(x, 4), 5)
    wide = net.graph.ops.pop()
    sizes = _computed_sizes(net, x, b.shape[1:])
    wide.inputs[0] = sizes
    net.graph.ops.append(wide)
    return net.model(net.dense(a, 4), net.conv(b, 3))


def _with_computed_shape(net: Net, x: Tensor, rest: tuple[int, ...]) -> Tensor:
    return net.plain("RESHAPE", [x, _computed_sizes(net, x, rest)], (1, *rest), options("ReshapeOptions"))


def _computed_sizes(net: Net, x: Tensor, rest: tuple[int, ...]) -> Tensor:
    shape = net.plain("SHAPE", [x], (4,), options("ShapeOptions", outType=2), DType.INT32)
    batch = net.strided(shape, (0,), (1,), (), shrinkAxisMask=1)
    batch.dtype = DType.INT32
    opts = options("PackOptions", axis=0, valuesCount=1 + len(rest))
    sizes = [net.numbers(f"size{len(net.graph.ops)}", n) for n in rest]
    return net.plain("PACK", [batch, *sizes], (1 + len(rest),), opts, DType.INT32)


def enlarged_with_an_open_batch() -> Model:
    net, x = _image()
    a = net.transposed(net.conv(x, 6), 5)
    wide = net.graph.ops.pop()
    wide.inputs[0] = _computed_sizes(net, net.graph.ops[0].outputs[0], a.shape[1:])
    net.graph.ops.append(wide)
    model = _read(net, a)
    for tensor in model.main.tensors:
        if not tensor.is_constant and len(tensor.shape) == 4:
            tensor.shape_signature = (-1, *tensor.shape[1:])
    return model


def concatenated() -> Model:
    net, x = _image()
    a, b, c = net.conv(x, 6), net.conv(x, 4), net.conv(x, 5, size=1)
    return _read(net, net.conv(net.concat(3, a, b, x, c, a), 8))


def dense_block() -> Model:
    net, x = _image()
    for _ in range(3):
        x = net.concat(3, x, net.conv(x, 4))
    return _read(net, x)


def joined_in_space() -> Model:
    net, x = _image()
    return _read(net, net.concat(1, net.conv(x, 6), net.conv(x, 6, size=1)))


def split_parts() -> Model:
    net, x = _image()
    a, b = net.split(net.conv(x, 8), 2, 3)
    c, d, e = net.split_v(net.conv(x, 10), [2, 5, 3], 3)
    return net.model(*(net.conv(t, 3) for t in (a, b, c, d, e)))


def gated_linear_unit() -> Model:
    net, x = _image()
    a, b = net.split(net.conv(x, 12, act=0), 2, 3)
    return _read(net, net.binary("MUL", a, net.unary("LOGISTIC", b)))


def sliced() -> Model:
    net, x = _image()
    a = net.conv(x, 12)
    low = net.slice(a, (0, 1, 0, 2), (1, 6, -1, 7))
    high = net.strided(a, (0, 0, 0, -5), (1, 8, 8, 0), (1, 8, 8, 5), endMask=8)
    row = net.strided(a, (0, 3), (1, 4), (1, 8, 12), shrinkAxisMask=2, beginMask=1, endMask=1)
    return net.model(net.conv(low, 3), net.conv(high, 3), net.dense(row, 3))


def padded() -> Model:
    net, x = _image()
    a = net.pad(net.conv(x, 6), ((0, 0), (1, 1), (1, 1), (0, 0)))
    a = net.pad(net.conv(a, 5), ((0, 0), (0, 1), (1, 0), (0, 0)), "PADV2")
    a = net.pad(net.conv(a, 4), ((0, 0), (2, 2), (2, 2), (0, 0)), "MIRROR_PAD")
    return _read(net, a)


def padded_shortcut() -> Model:
    """The narrow branch of a residual net gets channels of zeros."""
    net, x = _image()
    a = net.conv(x, 6)
    return _read(net, net.binary("ADD", net.conv(a, 12), net.pad(a, ((0, 0), (0, 0), (0, 0), (2, 4)))))


def pooled() -> Model:
    net, x = _image()
    a = net.pool(net.pool(net.conv(x, 6), "MAX_POOL_2D"), "AVERAGE_POOL_2D")
    return _read(net, net.resize(net.resize(a), "RESIZE_NEAREST_NEIGHBOR"))


def reduced() -> Model:
    net, x = _image()
    a = net.conv(x, 6)
    parts = [net.reduce(a, (1, 2), kind) for kind in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")]
    summed = net.reduce(net.reduce(net.conv(x, 7), (3,), "SUM"), (1,))
    return net.model(*(net.dense(p, 3) for p in parts), summed)


def rearranged() -> Model:
    net, x = _image()
    a = net.transpose(net.conv(x, 6), 0, 3, 1, 2)
    a = net.transpose(net.unary("TANH", a), 0, 2, 3, 1)
    a = net.plain("EXPAND_DIMS", [a, net.numbers("axis", 1)], (1, 1, 8, 8, 6), options("ExpandDimsOptions"))
    a = net.plain("SQUEEZE", [a], (8, 8, 6), options("SqueezeOptions", squeezeDims=[0, 1]))
    return _read(net, net.reshape(a, 1, 4, 16, 6))


def channels_first_flattened() -> Model:
    net, x = _image()
    a = net.transpose(net.pool(net.conv(x, 6), size=4), 0, 3, 1, 2)
    return net.model(net.dense(net.reshape(a, 1, 24), 4))


def shuffled() -> Model:
    """Channel shuffle between grouped convolutions."""
    net, x = _image()
    a = net.conv(net.conv(x, 12), 12, groups=3)
    a = net.transpose(net.reshape(a, 1, 8, 8, 3, 4), 0, 1, 2, 4, 3)
    return _read(net, net.conv(net.reshape(a, 1, 8, 8, 12), 12, groups=3))


def group_norm() -> Model:
    """Statistics over the channels of a group: whole groups can go."""
    net, x = _image()
    apart = net.reshape(net.conv(x, 12, act=0), 1, 64, 4, 3)
    centred = net.binary("SUB", apart, net.reduce(apart, (1, 3), keep=True))
    spread = net.binary("ADD", net.reduce(net.unary("SQUARE", centred, options("SquareOptions")), (1, 3), keep=True),
                        net.constant("epsilon", 0.01))  # fmt: skip
    even = net.binary("MUL", centred, net.unary("RSQRT", spread))
    return _read(net, net.binary("MUL", net.reshape(even, 1, 8, 8, 12), net.weights("gamma", 12)))


def reversed_channels() -> Model:
    net, x = _image()
    a = net.conv(x, 7)
    axes = net.numbers("axes", [2, 3])
    return _read(net, net.conv(net.plain("REVERSE_V2", [a, axes], a.shape, options("ReverseV2Options")), 5))


def blocks() -> Model:
    net, x = _image()
    deep = net.plain("SPACE_TO_DEPTH", [net.conv(x, 6)], (1, 4, 4, 24), options("SpaceToDepthOptions", blockSize=2))
    a = net.conv(deep, 20)
    wide = net.plain("DEPTH_TO_SPACE", [a], (1, 8, 8, 5), options("DepthToSpaceOptions", blockSize=2))
    return _read(net, wide)


def space_and_batch() -> Model:
    net, x = _image()
    size, none = net.numbers("block", [2, 2]), net.numbers("none", [[0, 0], [0, 0]])
    a = net.plain("SPACE_TO_BATCH_ND", [net.conv(x, 6), size, none], (4, 4, 4, 6), options("SpaceToBatchNDOptions"))
    a = net.conv(a, 7)
    back = net.plain("BATCH_TO_SPACE_ND", [a, size, none], (1, 8, 8, 7), options("BatchToSpaceNDOptions"))
    return _read(net, back)


def _words() -> tuple[Net, Tensor]:
    net = Net()
    return net, net.input("words", 1, 6, 12)


def _heads(net: Net, x: Tensor, heads: int, order: tuple[int, ...] = (0, 2, 1, 3)) -> Tensor:
    return net.transpose(net.reshape(x, 1, 6, heads, x.shape[2] // heads), *order)


def attention() -> Model:
    net, x = _words()
    q, k, v = (net.dense(x, n, keep=True) for n in (12, 12, 16))
    scores = net.matmul(_heads(net, q, 4), _heads(net, k, 4, (0, 2, 3, 1)))
    weights = net.softmax(net.binary("MUL", scores, net.constant("scale", 0.5)))
    mixed = net.transpose(net.matmul(weights, _heads(net, v, 4)), 0, 2, 1, 3)
    return net.model(net.dense(net.reshape(mixed, 1, 6, 16), 5, keep=True))


def attention_of_one_head() -> Model:
    """Queries and keys lose inner dimensions, values and what reads them others."""
    net, x = _words()
    q, k, v = (net.dense(x, n, keep=True) for n in (8, 8, 10))
    mixed = net.matmul(net.softmax(net.matmul(q, k, adj_y=True)), v)
    return net.model(net.dense(mixed, 5, keep=True))


def attention_packed() -> Model:
    """Queries, keys and values from one projection."""
    net, x = _words()
    all_three = net.reshape(net.dense(x, 36, keep=True), 6, 3, 4, 3)
    ordered = net.transpose(all_three, 1, 2, 0, 3)
    parts = net.several("UNPACK", [ordered], [(4, 6, 3)] * 3, options("UnpackOptions", num=3, axis=0))
    mixed = net.matmul(net.softmax(net.matmul(parts[0], parts[1], adj_y=True)), parts[2])
    return net.model(net.dense(net.reshape(net.transpose(mixed, 1, 0, 2), 1, 6, 12), 5, keep=True))


def matmul_with_constants() -> Model:
    net, x = _words()
    a = net.matmul(x, net.weights("right", 12, 9))
    b = net.matmul(net.weights("left", 5, 7), net.matmul(net.weights("first", 7, 6), a))
    return net.model(net.dense(b, 4, keep=True))


def mixer() -> Model:
    """Channels on two axes at once: of words and of tokens."""
    net, x = _words()
    words = net.transpose(net.dense(x, 8, keep=True), 0, 2, 1)
    tokens = net.transpose(net.dense(words, 10, keep=True), 0, 2, 1)
    again = net.transpose(net.dense(tokens, 7, keep=True), 0, 2, 1)
    return net.model(net.reduce(net.dense(again, 4, keep=True), (1,)))


def embedded_by_lookup() -> Model:
    net = Net()
    ids = net.input("ids", 6, dtype=DType.INT32)
    return net.model(net.dense(net.plain("EMBEDDING_LOOKUP", [ids, net.weights("table", 20, 8)], (6, 8)), 3))


def tied_embedding() -> Model:
    """One table gives the words' vectors and scores them."""
    net = Net()
    ids = net.input("ids", 6, dtype=DType.INT32)
    table = net.weights("table", 20, 8)
    words = net.plain("GATHER", [table, ids], (6, 8), options("GatherOptions"))
    hidden = net.dense(net.dense(words, 9), 8)
    return net.model(net.plain("FULLY_CONNECTED", [hidden, table, None], (6, 20), options("FullyConnectedOptions")))


def gathered() -> Model:
    net, x = _image()
    a = net.conv(x, 8)
    picked = net.plain("GATHER", [a, net.numbers("picks", [6, 0, 3, 3])], (1, 8, 8, 4),
                       options("GatherOptions", axis=3))  # fmt: skip
    rows = net.plain("GATHER", [a, net.numbers("rows", [1, 5])], (1, 2, 8, 8), options("GatherOptions", axis=1))
    return net.model(net.conv(picked, 3), net.conv(rows, 3))


def packed() -> Model:
    net, x = _image()
    a, b = net.conv(x, 6), net.conv(x, 6, size=1)
    both = net.plain("PACK", [a, b], (1, 2, 8, 8, 6), options("PackOptions", axis=1, valuesCount=2))
    parts = net.several("UNPACK", [both], [(1, 8, 8, 6)] * 2, options("UnpackOptions", num=2, axis=1))
    return net.model(*(net.conv(p, 3) for p in parts))


def repeated() -> Model:
    net, x = _image()
    a = net.reduce(net.conv(x, 6), (1, 2), keep=True)
    tiled = net.plain("TILE", [a, net.numbers("times", [1, 2, 1, 3])], (1, 2, 1, 18), options("TileOptions"))
    spread = net.plain("BROADCAST_TO", [a, net.numbers("to", [1, 8, 8, 6])], (1, 8, 8, 6),
                       options("BroadcastToOptions"))  # fmt: skip
    net.graph.ops[-1].version = 2
    return net.model(net.conv(tiled, 3), net.conv(spread, 3))


def selected() -> Model:
    net, x = _image()
    a, b = net.conv(x, 6), net.conv(x, 6, size=1)
    which = net.plain("GREATER", [a, b], a.shape, options("GreaterOptions"), DType.BOOL)
    c = net.plain("SELECT_V2", [which, a, net.constant("nothing", 0.0)], a.shape, options("SelectV2Options"))
    return _read(net, net.plain("SELECT", [which, b, c], a.shape, options("SelectOptions")))


def half_weights() -> Model:
    """Weights as float16, widened in the graph."""
    net, x = _image()
    a = _widened(net, net.conv(x, 8))
    return _read(net, _widened(net, net.conv(a, 6)))


def _widened(net: Net, x: Tensor) -> Tensor:
    op = net.graph.ops[-1]
    for position in (1, 2):
        wide = op.inputs[position]
        assert wide is not None
        half = net.constant(f"{wide.name}/half", wide.data, DType.FLOAT16)
        result = Tensor(f"{wide.name}/wide", wide.shape, DType.FLOAT32)
        op.inputs[position] = net.graph.add_tensor(result)
        place = net.graph.ops.index(op)
        net.graph.ops.insert(place, type(op)("DEQUANTIZE", [half], [result], options("DequantizeOptions")))
    net.graph.sweep()
    return x


def _cell(net: Net, x: Tensor, units: int, projected: int = 0, peepholes: bool = False, name: str = "lstm") -> Tensor:
    steps, width, out = x.shape[1], x.shape[2], projected or units
    gates = [net.weights(f"{name}/in{g}", units, width) for g in range(4)]
    back = [net.weights(f"{name}/back{g}", units, out) for g in range(4)]
    holes = [net.weights(f"{name}/hole{g}", units) if peepholes else None for g in range(3)]
    biases = [net.weights(f"{name}/b{g}", units) for g in range(4)]
    narrow = [net.weights(f"{name}/p", projected, units), net.weights(f"{name}/pb", projected)] if projected else []
    states = [
        Tensor(f"{name}/state{n}", (1, size), DType.FLOAT32, is_variable=True) for n, size in ((0, out), (1, units))
    ]
    for state in states:
        net.graph.add_tensor(state)
    inputs = [x, *gates, *back, *holes, *biases, *(narrow or [None, None]), *states]
    opts = options("UnidirectionalSequenceLSTMOptions", fusedActivationFunction=4, cellClip=0.0, projClip=0.0)
    return net.plain("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, (1, steps, out), opts)


def lstm() -> Model:
    net, x = _words()
    a = _cell(net, net.dense(x, 9, keep=True), 8)
    return net.model(net.dense(_cell(net, a, 7, peepholes=True, name="second"), 4, keep=True))


def lstm_projected() -> Model:
    net, x = _words()
    return net.model(net.dense(_cell(net, x, 8, projected=5), 4, keep=True))


def rnn() -> Model:
    net, x = _words()
    state = net.graph.add_tensor(Tensor("state", (1, 8), DType.FLOAT32, is_variable=True))
    inputs = [x, net.weights("in", 8, 12), net.weights("back", 8, 8), net.weights("bias", 8), state]
    opts = options("SequenceRNNOptions", fusedActivationFunction=4)
    return net.model(net.dense(net.plain("UNIDIRECTIONAL_SEQUENCE_RNN", inputs, (1, 6, 8), opts), 4, keep=True))


def gru_unrolled() -> Model:
    """Two steps of a gated recurrent unit, as a converter unrolls them: the weights are shared by the steps."""
    net = Net()
    x = net.input("words", 1, 2, 5)
    h = net.dense(net.reduce(x, (1,)), 6)
    first: list[Tensor | None] = []
    for step in range(2):
        word = net.reshape(net.slice(x, (0, step, 0), (1, 1, 5)), 1, 5)
        mark = len(net.graph.ops)
        gates, back = net.dense(word, 18), net.dense(h, 18)
        weights = [t for op in net.graph.ops[mark:] for t in op.inputs[1:]]
        first = first or weights
        for n, op in enumerate(net.graph.ops[mark:]):
            op.inputs[1:] = first[2 * n : 2 * n + 2]
        (rx, zx, nx), (rh, zh, nh) = net.split(gates, 3, 1), net.split(back, 3, 1)
        r, z = (net.unary("LOGISTIC", net.binary("ADD", a, b)) for a, b in ((rx, rh), (zx, zh)))
        new = net.unary("TANH", net.binary("ADD", nx, net.binary("MUL", r, nh)))
        keep = net.binary("SUB", net.constant(f"one{step}", 1.0), z)
        h = net.binary("ADD", net.binary("MUL", keep, new), net.binary("MUL", z, h))
    net.graph.sweep()
    return net.model(net.dense(h, 3))


FAMILIES: dict[str, Family] = {
    f.__name__: f
    for f in (
        conv_net, text_net, plain_and_dilated, grouped, grouped_one_by_one, grouped_one_by_one_of_the_input, depthwise_multiplied,
        depthwise_of_the_input, depthwise_of_one_channel, transposed, conv_3d, residual_adds, broadcasts,
        shared_vector, shared_reader, shared_matrix, not_zero_at_zero, activations, elu, flattened, flattened_by_dense, flattened_by_its_shape, enlarged_with_an_open_batch, concatenated,
        dense_block, joined_in_space, split_parts, gated_linear_unit, sliced, padded, padded_shortcut, pooled, reduced,
        rearranged, channels_first_flattened, shuffled, group_norm, reversed_channels, blocks, space_and_batch, attention, attention_of_one_head,
        attention_packed, matmul_with_constants, mixer, embedded_by_lookup, tied_embedding, gathered, packed, repeated,
        selected, half_weights, lstm, lstm_projected, rnn, gru_unrolled,
    )
}  # fmt: skip
