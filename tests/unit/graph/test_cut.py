"""Parts of a model as models of their own."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import ModelError
from edgekit.graph.check import check
from edgekit.graph.codec import write
from edgekit.graph.cut import cut
from edgekit.runtime.litert import LiteRT
from tests.unit.compress.small import conv_net, samples, two_inputs


def test_two_parts_in_a_row_give_what_the_whole_gives() -> None:
    model = conv_net()
    middle = model.main.ops[1].outputs[0]
    before = write(model)
    first, second = cut(model, model.main.inputs, [middle]), cut(model, [middle], model.main.outputs)
    assert write(model) == before, "the model given is not touched"
    check(first)
    check(second)
    assert [op.kind for op in first.main.ops] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert len(first.main.ops) + len(second.main.ops) == len(model.main.ops)
    feed = samples(model).arrays[0]
    passed = LiteRT(write(first)).run(feed)
    np.testing.assert_array_equal(
        LiteRT(write(second)).run(passed)["probabilities"], LiteRT(before).run(feed)["probabilities"]
    )


def test_what_is_not_needed_stays_behind() -> None:
    model = two_inputs()
    both = model.main.ops[0].outputs[0]
    part = cut(model, [both], model.main.outputs)
    assert [t.name for t in part.main.inputs] == ["both"]
    assert "left" not in {t.name for t in part.main.tensors}


def test_a_part_that_needs_more_names_the_tensor() -> None:
    model = two_inputs()
    with pytest.raises(ModelError, match="'right' is an input of the model"):
        cut(model, [model.main.inputs[0]], model.main.outputs)
