"""The step as a whole, on small nets and on a trained one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit.compress.prune.options import PruneOptions
from edgekit.compress.prune.plan import PrunePlan
from edgekit.compress.prune.step import PRUNE_CHANNELS
from edgekit.compress.step import Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.codec import write
from edgekit.graph.cost import activation_peak_bytes, model_macs, weight_bytes
from edgekit.graph.model import Model
from edgekit.graph.types import DType
from edgekit.runtime.litert import LiteRT
from edgekit.targets.load import load_target
from tests.unit.compress.small import Builder, Feeds, conv_net, samples, text_net


def plan_for(model: Model, workspace: Path | None = None, **options: object) -> PrunePlan:
    read = PRUNE_CHANNELS.options(options)
    return PRUNE_CHANNELS.plan(model, read, Setting(samples=samples(model), workspace=workspace))


@pytest.mark.parametrize("goal", ["macs", "size", "ram"])
def test_goals_are_kept(goal: str) -> None:
    model = conv_net()
    result = PRUNE_CHANNELS.apply(model, plan := plan_for(model, **{goal: 0.6, "multiple": 2}))
    costs = {"macs": model_macs, "size": weight_bytes, "ram": lambda m: activation_peak_bytes(m.main).bytes}
    assert costs[goal](result) <= 0.6 * costs[goal](model)
    assert plan.after.macs == model_macs(result)
    assert plan.predicted_bytes == weight_bytes(result)
    assert all((c.units - len(c.gone)) % 2 == 0 for c in plan.cuts if c.gone)


def doubled() -> Model:
    """A net of which every second channel says what the one before says."""
    model = conv_net()
    by_name = {t.name: t for t in model.main.tensors}
    for name, axis in (("conv/w", 0), ("conv/b", 0), ("depth/w", 3), ("depth/b", 0)):
        data = np.array(by_name[name].data)
        index = [slice(None)] * data.ndim
        odd, even = list(index), list(index)
        odd[axis], even[axis] = slice(1, None, 2), slice(0, None, 2)
        data[tuple(odd)] = data[tuple(even)]
        by_name[name].set_data(data)
    return model


@pytest.mark.parametrize("importance", ["auto", "least-squares"])
def test_twins_go_and_their_partners_take_over(importance: str) -> None:
    model = doubled()
    plan = plan_for(model, macs=0.5, multiple=8, importance=importance)
    (gone,) = plan.gone.values()
    assert sorted(u // 2 for u in gone) == list(range(8))
    result, feeds = PRUNE_CHANNELS.apply(model, plan), samples(model, seed=11)
    whole, cut = LiteRT(write(model)), LiteRT(write(result))
    for feed in feeds.arrays:
        # Probabilities; 1e-4 of damping keeps the partners from taking over the whole.
        np.testing.assert_allclose(
            next(iter(cut.run_float(feed).values())), next(iter(whole.run_float(feed).values())), rtol=0, atol=1e-3
        )
    assert "least-squares" in plan.tried[0].by


def test_a_refit_brings_the_outputs_closer() -> None:
    model, options = conv_net(), {"macs": 0.5, "multiple": 4, "importance": "l1"}
    with_refit, without = plan_for(model, **options), plan_for(model, **options, refit=False)
    assert with_refit.tried[0].error < without.tried[0].error
    assert with_refit.weights
    assert not without.weights and not without.refitted


def test_a_second_run_goes_on_from_the_notes_of_the_first(tmp_path: Path) -> None:
    model = conv_net()
    first = plan_for(model, tmp_path / "notes", macs=0.5, multiple=4)
    notes = {p: p.stat().st_mtime_ns for p in (tmp_path / "notes").iterdir()}
    assert notes
    second = plan_for(model, tmp_path / "notes", macs=0.5, multiple=4)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "notes").iterdir()} == notes
    assert json.dumps(second.to_json()) == json.dumps(first.to_json())
    assert json.dumps(plan_for(model, macs=0.5, multiple=4).to_json()) == json.dumps(first.to_json())


def test_excluded_and_pinned_channels_stay_with_the_reason() -> None:
    model = conv_net()
    plan = plan_for(model, exclude=["depth"])
    assert plan.gone == {}
    reasons = {c.op: c.why for c in plan.changes}
    assert reasons["conv"] == "it is excluded"
    assert "SOFTMAX" in reasons["dense"]
    assert any("it is excluded" in line for line in plan.explain())


def test_a_goal_out_of_reach_says_what_can_be_reached() -> None:
    with pytest.raises(UsageError, match=r"cannot reach the goal: with the fewest channels \d+%"):
        plan_for(conv_net(), macs=0.01)


@pytest.mark.parametrize("share", [1e-9, 1e-12])
@pytest.mark.parametrize("goal", ["macs", "size", "ram"])
def test_tiny_shares_are_out_of_reach(goal: str, share: float) -> None:
    with pytest.raises(UsageError, match="prune-channels cannot"):
        plan_for(conv_net(), importance="l1", **{goal: share})


@pytest.mark.parametrize("goal", ["macs", "size"])
def test_what_a_model_has_not_cannot_be_saved(goal: str) -> None:
    b = Builder()
    x = b.input("x", 1, 8)
    model = b.model(b.op("RELU", [x], "y", (1, 8)))
    with pytest.raises(UsageError, match="the model has none"):
        plan_for(model, **{goal: 0.5})
    assert plan_for(model).gone == {}


def test_one_sample_is_enough_to_go_on() -> None:
    model = conv_net()
    plan = PRUNE_CHANNELS.plan(model, PruneOptions(macs=0.6, multiple=4), Setting(samples=samples(model, 1)))
    result = PRUNE_CHANNELS.apply(model, plan)
    assert all(np.isfinite(t.data).all() for t in result.main.tensors if t.is_constant and t.data is not None)


def test_samples_and_floats_are_needed() -> None:
    model = conv_net()
    with pytest.raises(UsageError, match="calibration samples"):
        PRUNE_CHANNELS.plan(model, PruneOptions(), Setting())
    for tensor in model.main.tensors:
        tensor.dtype = DType.INT8 if tensor.name.endswith("/w") else tensor.dtype
    with pytest.raises(ModelError, match="quantized already"):
        PRUNE_CHANNELS.requires(model, PruneOptions(), Setting(samples=Feeds(({},))))


@pytest.mark.parametrize("wrong", [{"macs": 1.5}, {"latency": 0.0}, {"multiple": -1}, {"samples": 0}])
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="prune-channels"):
        PRUNE_CHANNELS.options(wrong)


def test_a_plan_for_another_model_is_refused() -> None:
    plan = plan_for(conv_net(), macs=0.5, multiple=4)
    with pytest.raises(ModelError):
        PRUNE_CHANNELS.apply(text_net(), plan)


def test_the_target_says_which_multiples_are_left() -> None:
    model = conv_net()
    setting = Setting(samples=samples(model), target=load_target("nrf52840-dk"))
    plan = PRUNE_CHANNELS.plan(model, PruneOptions(macs=0.8), setting)
    assert [len(gone) % 4 for gone in plan.gone.values()] == [0]


def test_latency_is_measured_and_what_is_not_faster_is_not_taken() -> None:
    model = conv_net()
    try:
        plan = plan_for(model, latency=0.9, multiple=4, importance="l1")
    except UsageError as error:
        assert "of the latency" in error.message  # a busy machine: faster, but not by so much
        return
    if plan.gone:
        assert plan.after.latency_us is not None and plan.before.latency_us is not None
        assert plan.after.latency_us < plan.before.latency_us
    else:
        assert "faster" in plan.explain()[0]
