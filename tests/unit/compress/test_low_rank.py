"""Layers as two smaller ones: exact cases, budgets, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.compress.lowrank.factor import most_rank, spectrum
from edgekit.compress.lowrank.step import LOW_RANK
from edgekit.compress.sharing import Candidate, damage_curve, share_out
from edgekit.compress.step import Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.runtime.litert import LiteRT
from tests.unit.compress.small import Builder, options, samples


def _net(rank: int, activation: int = 1, bias: bool = True) -> Model:
    """x ─ FULLY_CONNECTED 24 -> 32 of a rank ─ relu ─ FULLY_CONNECTED -> 8."""
    b = Builder(5)
    x = b.input("x", 1, 24)
    low = b.rng.normal(size=(32, rank)) @ b.rng.normal(size=(rank, 24)) * 0.1
    held = [x, b.constant("wide/w", low), b.weights("wide/b", 32) if bias else None]
    y = b.op(
        "FULLY_CONNECTED", held, "wide", (1, 32), options("FullyConnectedOptions", fusedActivationFunction=activation)
    )
    last = [y, b.weights("last/w", 8, 32), b.weights("last/b", 8)]
    return b.model(b.op("FULLY_CONNECTED", last, "last", (1, 8), options("FullyConnectedOptions")))


def _conv_net(rank: int, stride: int) -> Model:
    b = Builder(6)
    x = b.input("x", 1, 6, 6, 16)
    low = b.rng.normal(size=(24, rank)) @ b.rng.normal(size=(rank, 16)) * 0.1
    shape = (1, -(-6 // stride), -(-6 // stride), 24)
    made = options("Conv2DOptions", strideW=stride, strideH=stride, padding=0, fusedActivationFunction=3,
                   dilationWFactor=1, dilationHFactor=1)  # fmt: skip
    return b.model(
        b.op("CONV_2D", [x, b.constant("w", low.reshape(24, 1, 1, 16)), b.weights("b", 24)], "y", shape, made)
    )


def _both(model: Model, **chosen: Any) -> tuple[Model, Any]:
    plan = LOW_RANK.plan(model, LOW_RANK.options(chosen), Setting(samples=samples(model, 64)))
    return LOW_RANK.apply(model, plan), plan


def _outputs(model: Model, feeds: Any) -> Any:
    runtime = LiteRT(write(model))
    return np.stack([next(iter(runtime.run(feed).values())) for feed in feeds.arrays])


@pytest.mark.parametrize("model", [_net(4), _net(4, bias=False), _conv_net(4, 1), _conv_net(4, 2)])
def test_a_layer_of_low_rank_is_recovered(model: Model) -> None:
    result, plan = _both(model, goal="error", level=1e-6)
    assert [f.first.shape[1] for f in plan.factors][:1] == [4]
    assert len(result.main.ops) == len(model.main.ops) + 1
    feeds = samples(model, 8, seed=9)
    # float32 sums in another order
    assert np.allclose(_outputs(result, feeds), _outputs(model, feeds), atol=1e-4)


def test_what_saves_nothing_is_left_with_its_reason() -> None:
    model = _net(24)
    result, plan = _both(model, goal="error", level=1e-6)
    assert not plan.factors and write(result) == write(model)
    assert "left as it is" in plan.explain()[0]
    assert {c.what for c in plan.changes} == {"left as it is"}


def test_a_budget_of_weights_is_kept() -> None:
    _, plan = _both(_net(16), goal="parameters", level=0.4)
    whole = 24 * 32 + 32 * 8
    left = sum(f.before for f in plan.factors)
    assert whole - left + sum(f.after for f in plan.factors) <= 0.4 * whole


def test_an_excluded_layer_stays() -> None:
    _, plan = _both(_net(4), exclude=["wi*"], level=0.3)
    assert [c.why for c in plan.changes if c.op == "wide"] == ["it is excluded"]


def test_a_quantized_model_and_missing_samples_are_refused() -> None:
    with pytest.raises(UsageError, match="calibration samples"):
        LOW_RANK.plan(_net(4), LOW_RANK.default_options(), Setting())
    with pytest.raises(UsageError, match="above 0 and below 1"):
        LOW_RANK.options({"level": 1.5})


def test_a_plan_of_another_model_is_refused() -> None:
    _, plan = _both(_net(4), goal="error", level=1e-6)
    with pytest.raises(ModelError, match="which the model has not"):
        LOW_RANK.apply(_conv_net(4, 1), plan)


@given(st.integers(1, 64), st.integers(1, 64))
def test_the_largest_rank_is_the_last_that_saves(taps: int, outputs: int) -> None:
    most = most_rank(taps, outputs)
    assert most * (taps + outputs) < taps * outputs <= (most + 1) * (taps + outputs)


def test_the_directions_lose_what_the_outputs_lose() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5000, 12)) * np.linspace(0.1, 3, 12)
    weights = rng.normal(size=(12, 10))
    found = spectrum(weights, np.cov(x.T, bias=True))
    kept = found.directions[:, :4]
    y = (x - x.mean(0)) @ weights
    lost = np.square(y - y @ kept @ kept.T).sum() / np.square(y).sum()
    assert found.lost(4) == pytest.approx(lost, rel=1e-9) and found.lost(10) == 0


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(2, 12), st.integers(0, 99)), min_size=1, max_size=4),
    st.floats(0.2, 1),
)
def test_a_shared_budget_is_kept(layers: list[tuple[int, int, int]], share: float) -> None:
    made = []
    for unit, most, seed in layers:
        damage = np.sort(np.random.default_rng(seed).random(3))[::-1]
        made.append(
            Candidate(unit, unit * (most + 1), damage_curve(dict(zip((1, 2, most), damage, strict=False)), most))
        )
    budget = share * sum(c.whole for c in made)
    chosen = share_out(made, budget)
    least = sum(c.cost(1) for c in made)
    assert sum(c.cost(units) for c, units in zip(made, chosen, strict=True)) <= max(budget, least)


def test_a_damage_curve_falls_and_is_convex() -> None:
    curve = damage_curve({1: 0.5, 4: 0.4, 8: 0.001}, 8)
    assert len(curve) == 10 and curve[-1] == 0
    assert (np.diff(curve) <= 0).all() and (np.diff(curve[1:], 2) >= -1e-12).all()
