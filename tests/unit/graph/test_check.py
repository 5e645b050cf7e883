"""What is illegal is refused with the operator's and the tensor's name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgekit.core.errors import ModelError
from edgekit.graph.check import check, problems
from edgekit.graph.model import Buffer, Graph, Model, Op, Quantization, Signature
from edgekit.graph.types import DType
from tests.small_models import activation, control_flow_model, conv_model, custom_op_model, two_inputs_model


def quantized(scale: list[float], zero: list[int], axis: int = 0) -> Callable[[Model], None]:
    def edit(model: Model) -> None:
        tensor = model.main.tensors[1]
        tensor.dtype, tensor.buffer = DType.INT8, Buffer(bytes(tensor.size))
        tensor.quantization = Quantization(np.array(scale, np.float32), np.array(zero, np.int64), axis)

    return edit


def dangling(model: Model) -> None:
    model.main.ops[2].inputs[0] = activation("loose", 1, 512)


def unmade(model: Model) -> None:
    model.main.ops[2].inputs[0] = model.main.add_tensor(activation("unmade", 1, 512))


def late(model: Model) -> None:
    model.main.ops.reverse()


def twice(model: Model) -> None:
    model.main.ops.append(Op("NEG", [model.main.ops[2].outputs[0]], [model.main.ops[3].outputs[0]]))


def onto_constant(model: Model) -> None:
    model.main.ops[0].outputs.append(model.main.tensors[1])


def short(model: Model) -> None:
    model.main.tensors[1].buffer = Buffer(b"123")


def no_outputs(model: Model) -> None:
    model.main.outputs.clear()
    model.signatures.clear()


def stale_signature(model: Model) -> None:
    model.signatures[0].outputs["y"] = model.main.ops[0].outputs[0]


def negative(model: Model) -> None:
    model.main.tensors[0].shape = (1, -8, 8, 3)


def listed_twice(model: Model) -> None:
    model.main.tensors.append(model.main.tensors[0])


def unknown_kind(model: Model) -> None:
    model.main.ops[0].kind = "CONV_9D"


def strange_graph(model: Model) -> None:
    model.main.ops[0].subgraphs = [Graph("elsewhere")]


def foreign_signature(model: Model) -> None:
    model.signatures.append(Signature("other", Graph("elsewhere"), {}, {}))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (dangling, "FULLY_CONNECTED 'logits' refers to tensor 'loose'"),
        (unmade, "FULLY_CONNECTED 'logits' reads tensor 'unmade', which nothing computes"),
        (late, "SOFTMAX 'y' reads tensor 'logits', which is computed only after it"),
        (twice, "NEG 'y' computes tensor 'y', which another computes too"),
        (onto_constant, "CONV_2D 'conv' computes tensor 'conv/weights', an input or a constant"),
        (short, r"'conv/weights' of float32\[8, 3, 3, 3\] needs 864 bytes, its buffer has 3"),
        (no_outputs, "'main' has no outputs"),
        (stale_signature, "'serving_default' names tensor 'conv' as output 'y'"),
        (negative, r"'x' has the impossible shape \[1, -8, 8, 3\]"),
        (listed_twice, "'main' lists a tensor twice"),
        (unknown_kind, "CONV_9D 'conv' is of a kind that does not exist"),
        (strange_graph, "CONV_2D 'conv' runs graph 'elsewhere'"),
        (foreign_signature, "'other' is of a graph that is not in the model"),
        (
            quantized([0.1, 0.2], [0, 0]),
            r"'conv/weights' has 2 scales, which do not fit axis 0 of its shape \[8, 3, 3, 3\]",
        ),
        (quantized([0.1] * 3, [0] * 3, axis=9), "3 scales, which do not fit axis 9"),
        (quantized([0.1] * 8, [0] * 2), "8 scales and 2 zero points"),
        (quantized([0.0], [0]), "not greater than zero"),
        (quantized([-1.0], [0]), "not greater than zero"),
        (quantized([float("nan")], [0]), "not a finite number"),
        (quantized([float("inf")], [0]), "not a finite number"),
        (quantized([1.0], [128]), "zero point outside of int8"),
    ],
)
def test_illegal_models_are_refused(edit: Callable[[Model], None], words: str) -> None:
    model = conv_model()
    check(model)
    edit(model)
    with pytest.raises(ModelError, match=words):
        check(model)


def test_a_model_without_graphs_is_refused() -> None:
    with pytest.raises(ModelError, match="no graph"):
        check(Model())


@pytest.mark.parametrize("make", [two_inputs_model, custom_op_model, control_flow_model])
def test_legal_models_have_no_problems(make: Callable[[], Model]) -> None:
    assert list(problems(make())) == []


@pytest.mark.parametrize(
    "edit", [quantized([0.1], [-128]), quantized([0.1] * 8, [0] * 8), quantized([0.1] * 3, [0], axis=3)]
)
def test_legal_quantization_passes(edit: Callable[[Model], None]) -> None:
    model = conv_model()
    edit(model)
    assert list(problems(model)) == []
