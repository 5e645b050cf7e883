"""The step "equalize": the same function to the bit, and less lost by rounding."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.compress.equalize import EQUALIZE, EqualizePlan, Scaling, find_pairs
from edgekit.compress.quantize.step import QUANTIZE
from edgekit.compress.step import Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.graph.ops import bias_of, weights_of
from edgekit.runtime.litert import LiteRT
from tests.unit.compress.net import NONE, RELU, RELU6, Net
from tests.unit.compress.small import samples, text_net


def uneven(seed: int = 0) -> Model:
    """Layers whose channels differ by factors of up to 256, which the layer behind makes up for."""
    net = Net(seed)
    x = net.input("x", 1, 8, 8, 4)
    y = net.conv(net.conv(x, 8), 12, act=NONE)
    y = net.pool(net.unary("RELU", y), "MAX_POOL_2D")
    y = net.conv(net.conv(net.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]]), 6, size=1), 6)
    y = net.dense(net.reshape(y, 1, 216), 10, act=RELU)
    model = net.model(net.dense(y, 4))
    rng = np.random.default_rng(seed)
    scalings = tuple(
        Scaling(a.name, b.name, a.kind, rng.integers(-4, 5, a.outputs[0].shape[-1]))
        for a, b in find_pairs(model.main)[0]
    )
    return EQUALIZE.apply(model, EqualizePlan(scalings, (), 0))


def run(model: Model, seed: int) -> np.ndarray:
    runtime = LiteRT(write(model))
    return np.stack([next(iter(runtime.run_float(f).values())) for f in samples(model, 20, seed).arrays])


def equalized(model: Model, **options: object) -> Model:
    setting = Setting(samples=samples(model))
    return EQUALIZE.apply(model, EQUALIZE.plan(model, EQUALIZE.options(options), setting))


@pytest.mark.parametrize("by", ["activations", "weights"])
def test_the_function_is_the_same_to_the_bit(by: str) -> None:
    model = uneven()
    result = equalized(model, by=by)
    changed = [
        (weights_of(a).data != weights_of(b).data).any()  # type: ignore[union-attr]
        for a, b in zip(model.main.ops, result.main.ops, strict=True)
        if a.kind in ("CONV_2D", "FULLY_CONNECTED")
    ]
    assert all(changed) and len(changed) == 6
    np.testing.assert_array_equal(run(result, 9), run(model, 9))


def test_int8_loses_less_behind_it() -> None:
    """Half at the least: at the time of writing a sixth; the seeds are fixed, kernels of other machines are not."""
    model = uneven()
    wanted = run(model, 9)
    errors = []
    for one in (model, equalized(model)):
        plan = QUANTIZE.plan(one, QUANTIZE.default_options(), Setting(samples=samples(one)))
        errors.append(float(np.square(run(QUANTIZE.apply(one, plan), 9) - wanted).mean() / wanted.var()))
    assert errors[1] < 0.5 * errors[0]


def test_ranges_are_alike_behind_it() -> None:
    model = uneven()
    spread = []
    for one in (model, equalized(model)):
        runtime = LiteRT(write(one), keep_all=True)
        runtime.invoke(samples(one).arrays[0])
        reach = np.abs(runtime.tensor(one.main.tensors.index(one.main.ops[0].outputs[0]))).max(axis=(0, 1, 2))
        spread.append(float(reach.max() / reach[reach > 0].min()))
    assert spread[1] < spread[0] / 2


def test_a_depthwise_convolution_takes_all_of_it() -> None:
    net = Net(1)
    x = net.input("x", 1, 6, 6, 3)
    model = net.model(net.depthwise(net.conv(x, 8), multiplier=2))
    weights = weights_of(model.main.ops[0])
    assert weights is not None and weights.data is not None
    weights.set_data(weights.data * np.float32(2.0) ** np.arange(8, dtype=np.float32).reshape(8, 1, 1, 1))
    plan = EQUALIZE.plan(model, EQUALIZE.default_options(), Setting(samples=samples(model)))
    (scaling,) = plan.scalings
    assert scaling.exponents.max() - scaling.exponents.min() >= 5
    np.testing.assert_array_equal(run(EQUALIZE.apply(model, plan), 9), run(model, 9))


def test_what_cannot_be_scaled_is_left_with_the_reason() -> None:
    net = Net(2)
    x = net.input("x", 1, 6, 6, 4)
    clipped = net.conv(x, 4, act=RELU6)
    summed = net.binary("ADD", net.conv(clipped, 4), clipped)
    squashed = net.unary("LOGISTIC", net.conv(summed, 4))
    model = net.model(net.conv(net.conv(squashed, 4), 4, groups=2))
    pairs, left = find_pairs(model.main)
    whys = [c.why for c in left]
    assert "clipped at a fixed value" in whys[0]
    assert "ADD" in whys[1] and "does not scale with its input" in whys[1]
    assert "LOGISTIC" in whys[2]
    assert "does not take its channels one by one" in whys[3]
    assert whys[4] == "its output is the model's"
    assert not pairs


def test_a_dead_channel_is_left_alone() -> None:
    model = uneven()
    weights, bias = weights_of(model.main.ops[0]), bias_of(model.main.ops[0])
    assert weights is not None and weights.data is not None and bias is not None and bias.data is not None
    dead, none = weights.data.copy(), bias.data.copy()
    dead[2], none[2] = 0, 0
    weights.set_data(dead)
    bias.set_data(none)
    plan = EQUALIZE.plan(model, EQUALIZE.default_options(), Setting(samples=samples(model)))
    assert plan.scalings[0].exponents[2] == 0


def test_what_is_missing_is_said() -> None:
    with pytest.raises(UsageError, match="needs calibration samples"):
        EQUALIZE.requires(uneven(), EQUALIZE.default_options(), Setting())
    EQUALIZE.requires(uneven(), EQUALIZE.options({"by": "weights"}), Setting())
    quantized = QUANTIZE.apply(
        text_net(), QUANTIZE.plan(text_net(), QUANTIZE.options({"scheme": "dynamic"}), Setting())
    )
    with pytest.raises(ModelError, match="no float layer"):
        EQUALIZE.requires(quantized, EQUALIZE.options({"by": "weights"}), Setting())
