"""What cannot be cut stays, and the group says why."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.compress.prune.coupling import couple
from edgekit.compress.prune.rules import RULES
from edgekit.graph.codec import read
from edgekit.graph.model import Model, Op, Tensor
from edgekit.graph.types import DType
from tests.small_models import control_flow_model, custom_op_model
from tests.unit.compress.net import Net
from tests.unit.compress.small import options
from tests.unit.graph.every_field import every_field

Change = Callable[[Net, Tensor], Tensor]


def _around(change: Change) -> Model:
    """A convolution of 8 channels, what is to be tried, and a reader."""
    net = Net()
    x = change(net, net.conv(net.input("image", 1, 8, 8, 8), 8))
    return net.model(net.conv(x, 3) if len(x.shape) == 4 else net.dense(x, 3))


def _cumsum(net: Net, x: Tensor) -> Tensor:
    return net.plain("CUMSUM", [x, net.numbers("axis", 3)], x.shape, options("CumsumOptions"))


def _norm(net: Net, x: Tensor) -> Tensor:
    mean = net.reduce(x, (3,), keep=True)
    variance = net.reduce(net.binary("SQUARED_DIFFERENCE", x, mean), (3,), keep=True)
    scale = net.binary("MUL", net.unary("RSQRT", variance), net.weights("gamma", 8))
    return net.binary("MUL", net.binary("SUB", x, mean), scale)


def _every_other(net: Net, x: Tensor) -> Tensor:
    made = net.strided(x, (0, 0, 0, 0), (1, 8, 8, 8), (1, 8, 8, 4))
    net.graph.ops[-1].inputs[3] = net.numbers("twos", [1, 1, 1, 2])
    return made


def _computed_weights(net: Net, x: Tensor) -> Tensor:
    weights = net.reshape(net.input("kernel", 72), 1, 3, 3, 8)
    opts = options("Conv2DOptions", strideW=1, strideH=1, padding=0, dilationWFactor=1, dilationHFactor=1)
    return net.plain("CONV_2D", [x, weights, None], (1, 8, 8, 1), opts)


def _size(net: Net, x: Tensor) -> Tensor:
    """Multiplied by how many channels there are."""
    shape = net.plain("SHAPE", [x], (4,), options("ShapeOptions", outType=2), DType.INT32)
    count = net.plain("CAST", [shape], (4,), options("CastOptions", inDataType=2, outDataType=0))
    return net.binary("MUL", net.reduce(x, (1, 2)), net.reduce(count, (0,)))


CASES: dict[str, tuple[Change, str]] = {
    "unknown": (_cumsum, "CUMSUM 'cumsum_1' is not understood"),
    "softmax": (lambda n, x: n.softmax(x), "SOFTMAX 'softmax_1' is over these channels"),
    "mean": (lambda n, x: n.reduce(x, (3,), keep=True), "MEAN 'mean_1' is over these channels"),
    "norm": (_norm, "MEAN 'mean_1' is over these channels"),
    "input": (lambda n, x: n.binary("ADD", x, n.graph.inputs[0]), "ADD 'add_1' joins it with something that stays"),
    "mirror": (lambda n, x: n.pad(x, ((0, 0),) * 3 + ((1, 1),), "MIRROR_PAD"), "MIRROR_PAD 'mirror_pad_1' mirrors it"),
    "steps": (_every_other, "STRIDED_SLICE 'strided_slice_1' picks single ones of it"),
    "one of it": (lambda n, x: n.slice(x, (0, 0, 0, 3), (1, 8, 8, 1)), "it is all of 'slice_1'"),
    "rows of it": (lambda n, x: n.conv(n.transpose(x, 0, 3, 1, 2), 4), "CONV_2D 'conv_2d_2' slides along this axis"),
    "weights": (_computed_weights, "the weights of CONV_2D 'conv_2d_2' are computed"),
    "size": (_size, "SHAPE 'shape_1' computes with its size"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_reason(case: str) -> None:
    change, reason = CASES[case]
    groups = [g for g in couple(_around(change)) if g.name.startswith("conv_2d_0")]
    assert reason in {g.pinned for g in groups}
    others = {g.pinned for g in groups} - {reason}
    assert others <= {""} if case in ("steps", "one of it") else not others


def test_what_reaches_the_output_stays() -> None:
    net = Net()
    model = net.model(net.unary("RELU", net.conv(net.input("image", 1, 8, 8, 3), 8)))
    assert [g.pinned for g in couple(model)] == ["it reaches the model's output"]


def test_a_gate_for_all_channels_is_no_channel_of_theirs() -> None:
    net = Net()
    x = net.conv(net.input("image", 1, 8, 8, 3), 8)
    gate = net.conv(x, 1, size=1)
    model = net.model(net.conv(net.binary("MUL", x, gate), 3))
    assert next((g.name, g.units, g.pinned) for g in couple(model)) == ("conv_2d_0", 8, "")


def test_channels_that_only_go_all_together_stay() -> None:
    net = Net()
    x = net.conv(net.input("image", 1, 8, 8, 3), 6)
    turned = net.transpose(net.reshape(x, 1, 64, 2, 3), 0, 1, 3, 2)
    model = net.model(net.conv(net.binary("ADD", net.reshape(turned, 1, 8, 8, 6), x), 3))
    assert couple(model)[0].pinned == "its channels can only go all together"


def test_control_flow_and_custom_operators_pin() -> None:
    for model in (control_flow_model(), custom_op_model()):
        assert couple(model) == ()
    net = Net()
    x = net.conv(net.input("image", 1, 8, 8, 3), 8)
    result = net.graph.add_tensor(Tensor("mystery", x.shape, DType.FLOAT32))
    net.graph.ops.append(Op("CUSTOM", [x], [result], custom_name="Mystery"))
    assert couple(net.model(net.conv(result, 3)))[0].pinned == "CUSTOM:Mystery 'mystery' is not understood"


def test_a_matrix_that_meets_something_fixed_elsewhere_stays() -> None:
    """Its columns read channels here and the input there."""
    net = Net()
    x = net.input("image", 1, 8, 8, 6)
    a = net.conv(net.conv(x, 6), 5)
    b = net.conv(x, 5)
    net.graph.ops[2].inputs[1] = net.graph.ops[1].inputs[1]
    net.graph.sweep()
    groups = couple(net.model(net.conv(a, 3), net.conv(b, 3)))
    assert groups[0].pinned == "CONV_2D 'conv_2d_2' reads 'conv_2d_1/w' too"
    assert groups[1].pinned == ""


def test_an_open_size_stays() -> None:
    net = Net()
    x = net.reshape(net.conv(net.input("image", 1, 4, 4, 3), 6), 1, 96)
    x.shape_signature = (1, -1)
    assert couple(net.model(net.unary("RELU", x)))[0].pinned == "the size of 'reshape_1' is open"


def test_any_file_has_groups_or_none() -> None:
    """Not even a legal one: options and shapes that do not fit."""
    assert couple(read(every_field())) == ()


def test_a_matrix_that_another_operator_reads_stays() -> None:
    net = Net()
    weights = net.weights("w", 8, 12)
    x = net.plain("FULLY_CONNECTED", [net.input("x", 1, 12), weights, None], (1, 8), options("FullyConnectedOptions"))
    total = net.plain("CUMSUM", [weights, net.numbers("axis", 0)], (8, 12), options("CumsumOptions"))
    groups = couple(net.model(net.dense(x, 3), total))
    assert groups[0].pinned == "CUMSUM 'cumsum_1' reads 'w' too"


def test_the_page_names_every_operator_that_is_understood() -> None:
    page = (Path(__file__).resolve().parents[4] / "docs" / "pruning.md").read_text(encoding="utf-8")
    named = set(re.findall(r"[A-Z][A-Z0-9_]+", page))
    assert set(RULES) <= named
