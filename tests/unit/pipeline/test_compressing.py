"""Steps that do not pay on the target, found by measuring."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgekit.core.cache import Cache
from edgekit.core.errors import UsageError
from edgekit.core.progress import Silent
from edgekit.goal import Goal, GoalKind
from edgekit.graph.codec import read, write
from edgekit.graph.ops import is_float
from edgekit.job import BuildRequest, TargetResult, Workshop
from edgekit.pipeline import build
from edgekit.targets.load import load_target
from tests.unit.compress.small import conv_net, samples


@pytest.fixture
def request_for_local(tmp_path: Path) -> BuildRequest:
    model = conv_net()
    (tmp_path / "net.tflite").write_bytes(write(model))
    np.savez(tmp_path / "samples.npz", image=np.concatenate([feed["image"] for feed in samples(model).arrays]))
    target = replace(load_target("local"), recipe_default="int16x8")
    return BuildRequest(tmp_path / "net.tflite", (target,), tmp_path / "out", calibration=tmp_path / "samples.npz")


def one(request: BuildRequest) -> TargetResult:
    """Built with a cache beside the request's model."""
    (result,) = build(request, Workshop(Cache(request.model.parent / "cache"), Silent()))
    return result


def test_a_default_recipe_that_makes_the_model_slower_is_left_out(request_for_local: BuildRequest) -> None:
    # LiteRT computes int16x8 with its plain reference kernels: several times slower than float on every machine.
    result = one(request_for_local)
    assert result.report is not None and result.error is None
    first, second, *_ = result.report.steps
    assert first.dropped and "times as long" in first.not_worth and "on local" in first.not_worth
    assert ("scheme", "dynamic") in {(fact.label, fact.value) for fact in second.options}, "weights alone come next"
    assert is_float(read((result.folder / "model.tflite").read_bytes())) == second.dropped


def test_a_recipe_that_was_asked_for_is_followed_and_the_price_is_said(request_for_local: BuildRequest) -> None:
    result = one(replace(request_for_local, recipe="int16x8"))
    assert result.report is not None
    row, _ = result.report.steps  # and the repair of what it did
    assert not row.dropped and "times as long" in row.not_worth
    assert result.report.size.after_bytes < result.report.size.before_bytes


def test_a_limit_on_size_keeps_what_is_slower(request_for_local: BuildRequest) -> None:
    limit_kib = request_for_local.model.stat().st_size / 1024 * 0.8
    result = one(replace(request_for_local, budgets={"model_kib": limit_kib}))
    assert result.report is not None
    row, _ = result.report.steps  # and the repair of what it did
    assert not row.dropped and row.not_worth == ""


def test_a_goal_that_the_first_recipe_reaches_needs_no_other(request_for_local: BuildRequest) -> None:
    target = load_target("raspberry-pi-4")
    result = one(replace(request_for_local, targets=(target,), goals=(Goal(GoalKind.SIZE, 0.9),)))
    assert result.report is not None
    assert [step.name for step in result.report.steps][:1] == ["quantize"]
    (gate,) = [gate for gate in result.report.gates if gate.key == "goal_size"]
    assert gate.passed and gate.value is not None and gate.value < 0.9


def test_a_latency_goal_needs_a_device(request_for_local: BuildRequest) -> None:
    target = load_target("raspberry-pi-4")
    result = one(replace(request_for_local, targets=(target,), goals=(Goal(GoalKind.LATENCY, 0.5),)))
    assert isinstance(result.error, UsageError)
    assert "cannot be measured for raspberry-pi-4" in result.error.message


def test_a_quantized_model_is_not_float(request_for_local: BuildRequest) -> None:
    result = one(replace(request_for_local, targets=(load_target("raspberry-pi-4"),)))
    assert is_float(conv_net())
    assert not is_float(read((result.folder / "model.tflite").read_bytes()))
