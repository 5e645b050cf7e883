"""Edits: what they do, what they refuse, and that a refused edit changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import ModelError
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType
from tests.small_models import activation, constant, conv_model, two_inputs_model


def relu(source: Tensor, name: str = "r") -> Op:
    return Op("RELU", [source], [activation(name, *source.shape)])


def test_an_operator_goes_between_two_and_signatures_follow() -> None:
    model = two_inputs_model()
    main = model.main
    total = main.outputs[0]
    op = main.insert(relu(total), after=main.ops[0])
    main.replace_uses(total, op.outputs[0])
    assert main.outputs[0] is op.outputs[0] is model.signatures[0].outputs["sum"]
    assert op.inputs == [total]
    check(model)
    assert [o.kind for o in read(write(model)).main.ops] == ["ADD", "RELU", "MUL"]


def test_a_reader_that_is_kept_goes_on_reading_the_old() -> None:
    model = conv_model()
    main = model.main
    reshape = main.ops[1]
    source = main.ops[0].outputs[0]
    op = main.insert(relu(source), after=main.ops[0])
    main.replace_uses(source, op.outputs[0], keep=[reshape])
    assert reshape.inputs[0] is source


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (
            Op("RELU", [Tensor("nowhere", (1, 4), DType.FLOAT32)], [activation("r", 1, 4)]),
            "'nowhere', which is not computed",
        ),
        (Op("NEG", [], [constant("k", np.ones(2, np.float32))]), "'k', which has a value already"),
    ],
)
def test_an_insert_is_refused_before_it_changes_anything(op: Op, words: str) -> None:
    model = two_inputs_model()
    before = write(model)
    with pytest.raises(ModelError, match=words):
        model.main.insert(op, after=None)
    assert write(model) == before


def test_order_is_kept() -> None:
    main = conv_model().main
    late = main.ops[2].outputs[0]
    with pytest.raises(ModelError, match="not computed before"):
        main.insert(relu(late), after=main.ops[0])
    with pytest.raises(ModelError, match="computed after operator"):
        main.replace_uses(main.inputs[0], late)
    with pytest.raises(ModelError, match="is in the graph already"):
        main.insert(main.ops[0], after=None)
    with pytest.raises(ModelError, match="is not in graph"):
        main.insert(relu(main.inputs[0]), after=Op("NEG", [], [activation("q", 1)]))
    with pytest.raises(ModelError, match="'new' is not in graph"):
        main.replace_uses(late, activation("new", 1, 4))


def test_remove_refuses_live_operators_and_takes_constants_along() -> None:
    model = conv_model()
    main = model.main
    softmax, dense = main.ops[3], main.ops[2]
    with pytest.raises(ModelError, match="'logits' is still used"):
        main.remove(dense)
    with pytest.raises(ModelError, match="'y' is still used"):
        main.remove(softmax)
    main.replace_uses(main.outputs[0], main.ops[1].outputs[0])
    main.remove(softmax)
    main.remove(dense)
    assert [t.name for t in main.tensors] == ["x", "conv/weights", "conv/bias", "conv", "flat/shape", "flat"]
    check(model)


def test_sweep_takes_what_nothing_references() -> None:
    main = conv_model().main
    count = len(main.tensors)
    main.add_tensor(activation("loose", 3))
    main.sweep()
    assert len(main.tensors) == count and main.unique_name("x") == "x_1" and main.unique_name("new") == "new"


def test_a_clone_shares_bytes_and_nothing_else() -> None:
    model = conv_model()
    before = write(model)
    clone = model.clone()
    weights = clone.main.tensors[1]
    assert weights is not model.main.tensors[1]
    assert (
        weights.buffer is not model.main.tensors[1].buffer and weights.buffer.data is model.main.tensors[1].buffer.data
    )
    assert clone.signatures[0].graph is clone.main and clone.main.signatures == clone.signatures
    weights.set_data(np.zeros((8, 3, 3, 3), np.float32))
    clone.main.ops[0].options.strideW = 7
    clone.main.ops[0].kind = "NEG"
    assert write(model) == before


def test_producers_and_readers_agree_with_the_single_questions() -> None:
    main = two_inputs_model().main
    assert main.producers() == {t: main.producer(t) for op in main.ops for t in op.outputs}
    assert main.readers() == {t: main.consumers(t) for t in main.inputs}
