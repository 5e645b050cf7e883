"""The step "mix", the bits of single operators in "quantize", and ranges by the error that they make at the output."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.compress.calibrate import CalibrateOptions, RangeMethod, calibrate
from edgekit.compress.clip import on_grid, ranges_by_output
from edgekit.compress.equalize import EQUALIZE, EqualizePlan, Scaling
from edgekit.compress.mix import MIX, changed_percent
from edgekit.compress.quantize.step import QUANTIZE
from edgekit.compress.ranges import Ranges, TensorRange
from edgekit.compress.sensitivity import measurable, relative_error, sensitivities
from edgekit.compress.step import Setting
from edgekit.core.errors import UsageError
from edgekit.graph.model import Model
from edgekit.graph.ops import weights_of
from edgekit.graph.types import DType
from tests.unit.compress.net import NONE, RELU, Net
from tests.unit.compress.small import Feeds, conv_net, samples


def chain() -> Model:
    """Four dense layers; in the second one a weight on a small input is 100 times as large as those on the others."""
    net = Net(4)
    x = net.input("x", 1, 32)
    y = net.dense(net.dense(x, 32, act=RELU), 32, act=NONE)
    y = net.dense(net.dense(y, 32, act=RELU), 8)
    model = net.model(net.softmax(y))
    small = Scaling(model.main.ops[0].name, model.main.ops[1].name, "FULLY_CONNECTED", np.array([7] + [0] * 31))
    return EQUALIZE.apply(model, EqualizePlan((small,), (), 0))


def bits(model: Model) -> list[int]:
    return [w.dtype.bits for op in model.main.ops if (w := weights_of(op)) is not None]


def test_bits_of_single_operators() -> None:
    model, feeds = conv_net(), samples(conv_net())
    for weights, wanted in (
        ({"dense": "int8"}, [4, 8, 8]),
        ({"d*": "int8"}, [4, 8, 8]),
        ({"conv": "float"}, [32, 8, 4]),
    ):
        options = QUANTIZE.options({"scheme": "int4", "weights": weights})
        assert QUANTIZE.options(options.to_json()) == options
        result = QUANTIZE.apply(model, QUANTIZE.plan(model, options, Setting(samples=feeds)))
        assert bits(result) == wanted
    with pytest.raises(UsageError, match=r"quantize.weights: no operator is called 'convv'; did you mean conv"):
        options = QUANTIZE.options({"scheme": "int8", "weights": {"convv": "int4"}})
        QUANTIZE.plan(model, options, Setting(samples=feeds))
    with pytest.raises(UsageError, match="for the schemes int8 and int4, not for dynamic"):
        QUANTIZE.options({"scheme": "dynamic", "weights": {"conv": "int8"}})


def test_sensitivity_is_what_the_output_says() -> None:
    """Eight bits hurt by about (2**4)**2 = 256 times less than four; a factor of ten is left for chance."""
    model, feeds = chain(), samples(chain(), 40)
    found = sensitivities(model, measurable(model), (4, 8), Setting(samples=feeds), 40)
    assert [s.op for s in found] == [op.name for op in model.main.ops[:4]]
    assert all(s.errors[8] * 25 < s.errors[4] for s in (found[0], *found[2:]))
    assert found[1].errors[8] < found[1].errors[4]
    assert max(found, key=lambda s: s.errors[4]).op == model.main.ops[1].name


def test_a_byte_goes_where_it_buys_the_most() -> None:
    model, feeds = chain(), samples(chain(), 40)
    plan = MIX.plan(model, MIX.options({"size": 0.7, "accuracy_drop": 0}), Setting(samples=feeds))
    assert [c.bits for c in plan.choices] == [4, 8, 4, 8], "the last one is small and fits beside it"
    assert bits(MIX.apply(model, plan)) == [4, 8, 4, 8]
    assert plan.choices[1].op in plan.explain()[1]


def test_no_byte_more_than_the_answers_need() -> None:
    model, feeds = chain(), samples(chain(), 40)
    setting = Setting(samples=feeds)
    free = MIX.plan(model, MIX.options({"accuracy_drop": 100}), setting)
    strict = MIX.plan(model, MIX.options({"accuracy_drop": 0}), setting)
    assert [c.bits for c in free.choices] == [4, 4, 4, 4]
    assert 8 in {c.bits for c in strict.choices} and strict.changed_percent < free.changed_percent
    assert strict.predicted_bytes > free.predicted_bytes


def test_what_mix_refuses() -> None:
    with pytest.raises(UsageError, match="mix needs calibration samples, and there are none"):
        MIX.requires(chain(), MIX.default_options(), Setting())
    with pytest.raises(UsageError, match="quantize.scheme must be int4"):
        MIX.options({"quantize": {"scheme": "int8"}})
    with pytest.raises(UsageError, match="size is 0.3"):
        MIX.options({"size": 0.3})


def test_measures_of_outputs() -> None:
    wanted = np.array([[1, 2, 3], [3, 2, 1], [0, 5, 1], [1, 0, 0]], np.float32)
    other = wanted.copy()
    other[0] = [9, 0, 0]
    assert changed_percent([other], [wanted]) == 25
    assert changed_percent([wanted[:, :1] + 1], [wanted[:, :1]]) == pytest.approx(100 / wanted[:, :1].var())
    assert relative_error([wanted * 0], [wanted]) == pytest.approx(np.square(wanted).mean() / wanted.var())


def outlier(weight: float) -> tuple[Model, Feeds]:
    """One channel of 512 is 50 times as large in one sample of 40, and the layer behind it takes it times `weight`."""
    net = Net(6)
    x = net.input("x", 1, 512)
    model = net.model(net.dense(x, 4))
    held = weights_of(model.main.ops[0])
    assert held is not None and held.data is not None
    values = held.data.copy()
    values[:, 0] = weight
    held.set_data(values)
    feeds = samples(model, 40)
    for feed in feeds.arrays[::40]:
        feed["x"][0, 0] = 150
    return model, feeds


def by_output(model: Model, feeds: Feeds) -> Ranges:
    setting = Setting(samples=feeds)
    return ranges_by_output(
        model,
        CalibrateOptions(method=RangeMethod.OUTPUT),
        setting,
        lambda one: calibrate(model, feeds.feeds(None), one),
    )


def test_an_outlier_is_cut_off_only_where_the_output_does_not_need_it() -> None:
    assert by_output(*outlier(0.0)).by_tensor["x"].max < 20
    assert by_output(*outlier(3.0)).by_tensor["x"].max == 150


def test_ranges_that_follow_stay_together() -> None:
    model = conv_net()
    found = by_output(model, samples(model))
    assert found.method == "output"
    assert found.by_tensor["pool"] == found.by_tensor["depth"] == found.by_tensor["flat"]


def test_the_grid_of_a_range() -> None:
    values = np.array([-3.0, -1.0, 0.0, 0.5, 2.0], np.float32)
    found = on_grid(values, TensorRange(-1.0, 1.55, -3.0, 2.0), 8)
    np.testing.assert_allclose(found, [-1.0, -1.0, 0.0, 0.5, 1.55], atol=1e-6)  # steps of 0.01
    assert on_grid(values, TensorRange(-1.0, 2.0, -3.0, 2.0), 16)[0] == -2.0 - 2.0 / 32767


@pytest.mark.parametrize("dtype", [DType.INT8])
def test_quantize_takes_ranges_by_output(dtype: DType) -> None:
    model = conv_net()
    options = QUANTIZE.options({"calibration": {"method": "output"}})
    result = QUANTIZE.apply(model, QUANTIZE.plan(model, options, Setting(samples=samples(model))))
    assert result.main.inputs[0].dtype is dtype
