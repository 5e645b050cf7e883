"""Which tensors of a student are compared with which of its teacher."""

from __future__ import annotations

import pytest

from edgekit.compress.distill.targets import FEATURES, Kind, features_of, outputs_of
from edgekit.compress.quantize.step import QUANTIZE
from edgekit.compress.step import Setting
from edgekit.core.errors import ModelError
from edgekit.graph.model import Model, Tensor
from tests.unit.compress.small import Builder, conv_net, options, samples, two_inputs


def named(model: Model, number: int) -> str:
    return model.main.tensors[number].name


@pytest.mark.parametrize("boundary", ["integer", "float"])
def test_scores_behind_a_softmax_stand_for_it_also_in_integers(boundary: str) -> None:
    teacher = conv_net()
    setting = Setting(samples=samples(teacher, 4))
    chosen = QUANTIZE.options({"scheme": "int8", "boundary": boundary})
    student = QUANTIZE.apply(teacher, QUANTIZE.plan(teacher, chosen, setting))
    (match,) = outputs_of(student, teacher)
    assert match.kind is Kind.CLASSES
    assert named(teacher, match.teacher) == "dense" and named(student, match.student).startswith("dense")


def test_scores_behind_a_sigmoid_too_and_other_outputs_are_values() -> None:
    b = Builder()
    scores = b.op("FULLY_CONNECTED", [b.input("x", 1, 4), b.weights("w", 2, 4), None], "scores", (1, 2))
    model = b.model(b.op("LOGISTIC", [scores], "chances", (1, 2)), scores)
    chances, values = outputs_of(model, model)
    assert (chances.kind, named(model, chances.student)) == (Kind.CHANCES, "scores")
    assert (values.kind, named(model, values.student)) == (Kind.VALUES, "scores")


def test_outputs_of_different_size_cannot_be_compared() -> None:
    with pytest.raises(ModelError, match="different outputs"):
        outputs_of(two_inputs(), conv_net())


def deep(narrow: int) -> Model:
    """Ten dense layers, the one numbered `narrow` with fewer outputs."""
    b = Builder()
    tensor: Tensor = b.input("x", 1, 8)
    for number in range(10):
        wide = 4 if number == narrow else 8
        parts: list[Tensor | None] = [tensor, b.weights(f"w{number}", wide, tensor.shape[-1]), None]
        tensor = b.op("FULLY_CONNECTED", parts, f"layer{number}", (1, wide), options("FullyConnectedOptions"))
    return b.model(tensor)


def test_inner_tensors_of_one_name_and_shape_are_compared_spread_over_the_depth() -> None:
    student, teacher = deep(narrow=8), deep(narrow=-1)
    found = features_of(student, teacher, outputs_of(student, teacher))
    names = [named(student, match.student) for match in found]
    assert names == ["layer1", "layer3", "layer5", "layer7"] and len(names) == FEATURES
    assert [named(teacher, match.teacher) for match in found] == names, "8 has lost channels, 9 is the output"
