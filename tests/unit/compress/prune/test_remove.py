"""What a cut changes and what it leaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgekit.compress.prune.coupling import couple
from edgekit.compress.prune.remove import without_units
from edgekit.compress.prune.silence import with_zero_units
from edgekit.core.errors import ModelError
from edgekit.graph.codec import write
from edgekit.graph.model import Model, Quantization, Tensor
from edgekit.graph.types import DType
from edgekit.runtime.litert import LiteRT
from tests.unit.compress.net import Net
from tests.unit.compress.prune import families
from tests.unit.compress.small import conv_net


def _tensor(model: Model, name: str) -> Tensor:
    return next(t for t in model.main.tensors if t.name == name)


def _data(model: Model, name: str) -> np.ndarray:
    data = _tensor(model, name).data
    assert data is not None
    return data


def test_rows_columns_and_shapes_go() -> None:
    model = conv_net()
    small = without_units(model, {"conv": [2, 5]})
    kept = [n for n in range(16) if n not in (2, 5)]
    for name, axis in (("conv/w", 0), ("conv/b", 0), ("depth/w", 3), ("depth/b", 0), ("dense/w", 1)):
        np.testing.assert_array_equal(_data(small, name), np.take(_data(model, name), kept, axis))
    assert _tensor(small, "conv").shape == (1, 8, 8, 14)
    assert _tensor(small, "dense").shape == (1, 10)


def test_nothing_to_remove_changes_nothing() -> None:
    model = conv_net()
    assert write(without_units(model, {})) == write(model)
    assert write(without_units(model, {"conv": []})) == write(model)


def test_a_vector_of_two_operators_is_cut_for_one() -> None:
    model = families.shared_vector()
    small = without_units(model, {"conv_2d_0": [0, 3]})
    first, second = (op.inputs[2] for op in small.main.ops[:2])
    assert first is not None
    assert second is not None
    assert (first.shape, second.shape) == ((6,), (8,))
    assert second.name == "conv_2d_0/b"


def test_a_shape_of_two_operators_is_changed_for_one() -> None:
    net = Net()
    a = net.conv(net.input("image", 1, 4, 4, 3), 6)
    first = net.reshape(net.conv(a, 5), 1, 80)
    second = net.plain("RESHAPE", [net.input("other", 1, 4, 20), net.graph.ops[-1].inputs[1]], (1, 80))
    model = net.model(net.dense(first, 3), second)
    small = without_units(model, {"conv_2d_1": [4]})
    assert [_data(small, t.name).tolist() for op in small.main.ops if op.kind == "RESHAPE" for t in op.inputs[1:] if t] == [
        [1, 64], [1, 80]]  # fmt: skip


def test_an_open_dimension_stays_open() -> None:
    small = without_units(families.flattened(), {"conv_2d_0": [1]})
    reshape = next(op for op in small.main.ops if op.kind == "RESHAPE")
    assert reshape.inputs[1] is not None
    assert np.array_equal(_data(small, reshape.inputs[1].name), [1, -1])
    assert reshape.outputs[0].shape == (1, 20)


def test_an_open_batch_stays_open() -> None:
    model = conv_net()
    for tensor in model.main.tensors:
        if not tensor.is_constant:
            tensor.shape_signature = (-1, *tensor.shape[1:])
    small = without_units(model, {"conv": [0, 1, 2]})
    assert _tensor(small, "conv").shape_signature == (-1, 8, 8, 13)
    feed = np.random.default_rng(0).normal(0, 1, (5, 8, 8, 3)).astype(np.float32)
    zero = LiteRT(write(with_zero_units(model, {"conv": [0, 1, 2]}))).run({"image": feed})["probabilities"]
    got = LiteRT(write(small)).run({"image": feed})["probabilities"]
    np.testing.assert_allclose(got, zero, atol=1e-6)  # sums of another length, in another order; outputs are up to 1


def test_equal_parts_that_become_unequal() -> None:
    model = families.split_parts()
    small = without_units(model, {"conv_2d_0": [0], "conv_2d_0 [2]": [0, 1, 2]})
    op = small.main.ops[1]
    assert op.kind == "SPLIT_V"
    assert [t.shape[3] for t in op.outputs] == [3, 1]
    same = without_units(model, {"conv_2d_0": [0], "conv_2d_0 [2]": [1]})
    assert same.main.ops[1].kind == "SPLIT"


def test_scales_go_with_their_channels() -> None:
    model = conv_net()
    scales = np.arange(1, 17, dtype=np.float32)
    _tensor(model, "conv/w").quantization = Quantization(scale=scales, zero_point=np.zeros(16, np.int64), axis=0)
    grid = _tensor(without_units(model, {"conv": [0, 1]}), "conv/w").quantization
    assert grid is not None
    assert grid.scale.tolist() == scales[2:].tolist()
    assert grid.zero_point.size == 14


def test_scales_of_another_axis_stay() -> None:
    model = conv_net()
    _tensor(model, "dense/w").quantization = Quantization(
        scale=np.ones(10, np.float32), zero_point=np.zeros(1, np.int64)
    )
    grid = _tensor(without_units(model, {"conv": [0, 1]}), "dense/w").quantization
    assert grid is not None
    assert (grid.scale.size, grid.zero_point.size) == (10, 1)


def test_units_of_float16_weights_go_from_what_is_stored() -> None:
    small = without_units(families.half_weights(), {"conv_2d_0": [0, 1, 2]})
    assert _tensor(small, "conv_2d_0/w/half").shape == (5, 3, 3, 3)
    assert _tensor(small, "conv_2d_0/w/half").dtype is DType.FLOAT16


def test_equal_names_get_a_number() -> None:
    model = conv_net()
    _tensor(model, "conv/b").name = "conv/w"
    small = without_units(model, {couple(model)[0].name: [0]})
    assert len({t.name for t in small.main.tensors}) == len(small.main.tensors)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ({"nobody": [1]}, "no group of channels 'nobody'"),
        ({"dense": [1]}, "can go: SOFTMAX 'probabilities' is over these channels"),
        ({"conv": [16]}, "the units 0 to 15, not \\[16\\]"),
        ({"conv": [-1]}, "the units 0 to 15"),
        ({"conv": range(16)}, "Nothing would be left of tensor 'conv.w' along axis 0"),
    ],
)
def test_what_cannot_be_is_said(gone: dict[str, Sequence[int]], said: str) -> None:
    for cut in (without_units, with_zero_units):
        with pytest.raises(ModelError, match=said):
            cut(conv_net(), gone)
