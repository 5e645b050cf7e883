"""Models at the edges of what a file can hold: each is legal, and a step does it or refuses it in a sentence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgekit.graph.model import Buffer, Model, Tensor
from edgekit.graph.types import DType
from tests.small_models import control_flow_model
from tests.unit.compress.net import Net
from tests.unit.compress.small import options


def nothing() -> Model:
    """No operator: the output is the input."""
    net = Net()
    return net.model(net.input("image", 1, 4))


def no_weights() -> Model:
    """Nothing to multiply with."""
    net = Net()
    return net.model(net.unary("RELU", net.input("image", 1, 4, 4, 3)))


def tiny_layers() -> Model:
    """Every layer has one channel, one tap and one position."""
    net = Net(1)
    x = net.conv(net.input("image", 1, 1, 1, 1), 1, size=1)
    x = net.depthwise(x, size=1)
    return net.model(net.dense(net.dense(x, 1), 1))


def shared_weights() -> Model:
    """Two convolutions read one kernel and one bias, and a third reads that bias too."""
    net = Net(2)
    x = net.conv(net.input("image", 1, 4, 4, 4), 4)
    first = net.graph.ops[-1]
    for _ in range(2):
        x = net.plain("CONV_2D", [x, *first.inputs[1:]], x.shape, first.options)
    x = net.conv(x, 6)
    net.graph.ops[-1].inputs[2] = net.weights("other", 6)
    return net.model(net.dense(x, 3))


def one_name() -> Model:
    """Every tensor has the same name, but for input and output."""
    net = Net(3)
    x = net.conv(net.conv(net.input("image", 1, 4, 4, 3), 8), 8)
    y = net.dense(net.reduce(x, (1, 2)), 3)
    for tensor in net.graph.tensors:
        tensor.name = tensor.name if tensor in (net.graph.inputs[0], y) else "t"
    return net.model(y)


def no_names() -> Model:
    """Tensors without any name, but for input and output."""
    model = one_name()
    for tensor in model.main.tensors:
        tensor.name = "" if tensor.name == "t" else tensor.name
    return model


def open_batch() -> Model:
    """The batch is open in the signature of every activation."""
    net = Net(4)
    model = net.model(net.dense(net.reduce(net.conv(net.input("image", 1, 4, 4, 3), 8), (1, 2)), 3))
    for tensor in model.main.tensors:
        if not tensor.is_constant:
            tensor.shape_signature = (-1, *tensor.shape[1:])
    return model


def batch_of_four() -> Model:
    net = Net(5)
    return net.model(net.dense(net.reduce(net.conv(net.input("image", 4, 4, 4, 3), 8), (1, 2)), 3))


def two_readings() -> Model:
    """An output that other operators read, a second that is an input, and an operator whose result nobody reads."""
    net = Net(6)
    x = net.input("image", 1, 4, 4, 4)
    y = net.conv(x, 8)
    z = net.conv(y, 4)
    net.unary("TANH", y)
    return net.model(y, net.dense(net.reduce(z, (1, 2)), 3), x)


def empty_constant() -> Model:
    """A constant without any element is joined to an activation."""
    net = Net(7)
    x = net.conv(net.input("image", 1, 4, 4, 3), 8)
    none = net.graph.add_tensor(Tensor("none", (1, 4, 4, 0), DType.FLOAT32, Buffer(b"")))
    return net.model(net.dense(net.concat(3, x, none), 3))


def constant_output() -> Model:
    """Weights of zero: whatever comes in, the same comes out."""
    net = Net(8)
    x = net.conv(net.input("image", 1, 4, 4, 3), 8)
    model = net.model(net.dense(x, 3))
    for tensor in model.main.tensors:
        if tensor.is_constant and tensor.dtype is DType.FLOAT32 and len(tensor.shape) > 1:
            tensor.set_data(np.zeros(tensor.shape, np.float32))
    return model


def scalar_input() -> Model:
    """A second input without any axis."""
    net = Net(9)
    x = net.conv(net.input("image", 1, 4, 4, 3), 8)
    return net.model(net.dense(net.binary("MUL", x, net.input("gain")), 3))


def whole_numbers() -> Model:
    """Nothing is float: integers come in, are added and go out."""
    net = Net(10)
    x = net.input("image", 1, 4, dtype=DType.INT32)
    y = net.binary("ADD", x, net.numbers("more", [1, 2, 3, 4]))
    y.dtype = DType.INT32
    return net.model(y)


def control_flow() -> Model:
    """A loop that no sample enters: it doubles what is below a limit, and what is negative stays so for ever."""
    return control_flow_model(limit=-1e9)


def float16_weights() -> Model:
    """Half precision, as the float16 scheme leaves it: DEQUANTIZE in front of each weight."""
    net = Net(11)
    x = net.input("image", 1, 4, 4, 3)
    half = net.constant("half", np.random.default_rng(0).normal(0, 0.3, (8, 48)), DType.FLOAT16)
    whole = net.plain("DEQUANTIZE", [half], half.shape)
    flat = net.reshape(x, 1, 48)
    return net.model(net.plain("FULLY_CONNECTED", [flat, whole, None], (1, 8), options("FullyConnectedOptions")))


def far_values() -> Model:
    """Weights of 1e18, whose products are still float32, beside ones of 1e-30."""
    net = Net(12)
    x = net.conv(net.input("image", 1, 4, 4, 3), 8)
    model = net.model(net.dense(net.unary("TANH", x), 3))
    first, last = model.main.ops[0].inputs[1], model.main.ops[-1].inputs[1]
    assert first is not None and last is not None
    first.set_data((np.asarray(first.data) * np.float32(1e18)).astype(np.float32))
    last.set_data((np.asarray(last.data) * np.float32(1e-30)).astype(np.float32))
    return model


ODD: dict[str, Callable[[], Model]] = {
    make.__name__: make
    for make in (
        nothing, no_weights, tiny_layers, shared_weights, one_name, no_names, open_batch, batch_of_four, two_readings,
        empty_constant, constant_output, scalar_input, whole_numbers, control_flow, float16_weights, far_values,
    )
}  # fmt: skip


def with_value(value: float, where: str) -> Model:
    """A net of which one weight, or one bias, is no number that can be computed with."""
    net = Net(13)
    model = net.model(net.dense(net.reduce(net.conv(net.conv(net.input("image", 1, 4, 4, 3), 8), 8), (1, 2)), 3))
    op = model.main.ops[0 if where.startswith("first") else -1]
    tensor = op.inputs[2 if where.endswith("bias") else 1]
    assert tensor is not None
    data = np.array(tensor.data)
    data.flat[1] = value
    tensor.set_data(data)
    return model
