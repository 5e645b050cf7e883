"""Costs that are foretold are those of the model that is cut."""

from __future__ import annotations

import pytest

from edgekit.compress.prune.costs import Costs, Limits
from edgekit.compress.prune.coupling import couple
from edgekit.compress.prune.multiples import liked_multiple, multiple_for
from edgekit.compress.prune.remove import without_units
from edgekit.compress.prune.step import PRUNE_CHANNELS
from edgekit.compress.step import Setting
from edgekit.graph.cost import activation_peak_bytes, model_macs, weight_bytes
from edgekit.graph.model import Model
from edgekit.targets.load import load_target
from tests.unit.compress.small import ZOO, Builder, options, samples


@pytest.mark.parametrize("name", ["conv_net", "text_net"])
def test_costs_are_those_of_the_cut_model(name: str) -> None:
    model = ZOO[name]()
    groups = couple(model)
    free = [g for g in groups if not g.pinned]
    costs = Costs(model, groups)
    assert free
    for count in (0, 3, 5):
        cut = without_units(model, {g.name: range(count) for g in free})
        gone = {g.name: count for g in free}
        assert costs.macs(gone) == model_macs(cut)
        assert costs.weight_bytes(gone) == weight_bytes(cut)
        assert costs.ram_bytes(gone) == activation_peak_bytes(cut.main).bytes


def shared_weights() -> Model:
    """Two 1x1 convolutions with one matrix and one bias, one behind the other."""
    b = Builder(3)
    x = b.input("image", 1, 4, 4, 8)
    conv = options("Conv2DOptions", strideW=1, strideH=1, padding=1, fusedActivationFunction=1, dilationWFactor=1,
                   dilationHFactor=1)  # fmt: skip
    stem = b.op("CONV_2D", [x, b.weights("w0", 8, 1, 1, 8), b.weights("b0", 8)], "stem", (1, 4, 4, 8), conv)
    w, bias = b.weights("w", 8, 1, 1, 8), b.weights("b", 8)
    one = b.op("CONV_2D", [stem, w, bias], "one", (1, 4, 4, 8), conv)
    two = b.op("CONV_2D", [one, w, bias], "two", (1, 4, 4, 8), conv)
    return b.model(b.op("CONV_2D", [two, b.weights("w2", 4, 1, 1, 8), b.weights("b2", 4)], "out", (1, 4, 4, 4), conv))


def test_shared_weights_are_counted_once() -> None:
    model = shared_weights()
    groups = couple(model)
    costs = Costs(model, groups)
    for group in groups:
        if not group.pinned:
            cut = without_units(model, {group.name: [0, 3]})
            assert costs.macs({group.name: 2}) == model_macs(cut)
            assert costs.weight_bytes({group.name: 2}) >= weight_bytes(cut)  # a bias may be copied


@pytest.mark.parametrize("goal", [{}, {"macs": 0.6, "multiple": 2}, {"size": 0.7, "multiple": 2}])
def test_shared_weights_keep_the_goal(goal: dict[str, object]) -> None:
    model = shared_weights()
    plan = PRUNE_CHANNELS.plan(model, PRUNE_CHANNELS.options(goal), Setting(samples=samples(model)))
    result = PRUNE_CHANNELS.apply(model, plan)
    assert model_macs(result) <= float(str(goal.get("macs", 1))) * model_macs(model)
    assert weight_bytes(result) <= float(str(goal.get("size", 1))) * weight_bytes(model)


def test_excess_is_zero_exactly_where_all_limits_are_kept() -> None:
    model = ZOO["conv_net"]()
    groups = couple(model)
    costs = Costs(model, groups)
    gone = {g.name: 4 for g in groups if not g.pinned}
    macs, held, ram = costs.macs(gone), costs.weight_bytes(gone), costs.ram_bytes(gone)
    assert costs.excess(Limits(macs, held, ram), gone) == 0
    assert costs.excess(Limits(), {}) == 0
    for tight in (Limits(macs=macs - 1), Limits(weight_bytes=held - 1), Limits(ram_bytes=ram - 1)):
        assert costs.excess(tight, gone) > 0
        assert costs.excess(tight, {}) > costs.excess(tight, gone)


@pytest.mark.parametrize(
    ("units", "liked", "expected"), [(256, 8, 8), (32, 8, 4), (16, 16, 4), (512, 16, 16), (64, 2, 2)]
)
def test_small_groups_are_cut_finer(units: int, liked: int, expected: int) -> None:
    assert multiple_for(units, liked) == expected


def test_multiples_come_from_the_target() -> None:
    assert liked_multiple(None) == 8
    assert liked_multiple(load_target("raspberry-pi-5")) == 8
    assert liked_multiple(load_target("nrf52840-dk")) == 4
