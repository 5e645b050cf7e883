"""Whatever the net: a step refuses it in a sentence, or gives a legal model with the same interface, the same each time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from edgekit.compress.registry import STEPS
from edgekit.compress.step import Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.check import check
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.runtime.litert import LiteRT
from tests.property.random_graphs import models
from tests.unit.compress.small import samples

CASES: list[tuple[str, dict[str, Any]]] = [
    ("prune-channels", {"macs": 0.7, "multiple": 2}),
    ("quantize", {"scheme": "int8"}),
    ("quantize", {"scheme": "dynamic"}),
    ("low-rank", {}),
]


@pytest.mark.parametrize(("name", "plain"), CASES)
@settings(max_examples=6)
@given(model=models())
def test_a_step_keeps_its_promise(name: str, plain: dict[str, Any], model: Model) -> None:
    setting = Setting(samples=samples(model, count=8))
    before = write(model)
    result = _changed(model, name, plain, setting)
    assert write(model) == before
    if result is None:
        return
    check(result)
    for side in ("inputs", "outputs"):
        mine, theirs = getattr(result, side)(), getattr(model, side)()
        assert [(p.name, p.tensor.shape) for p in mine] == [(p.name, p.tensor.shape) for p in theirs]
    feed = next(iter(samples(model).feeds(1)))
    outputs = LiteRT(write(result)).run_float(feed)
    assert all(np.isfinite(values).all() for values in outputs.values())


def _changed(model: Model, name: str, plain: dict[str, Any], setting: Setting) -> Model | None:
    """The step's result, made twice; None where it refuses the model."""
    step = STEPS.load(name)
    try:
        plan = step.plan(model, step.options(plain), setting)
        result = step.apply(model, plan)
    except (ModelError, UsageError):
        return None
    assert write(step.apply(model, plan)) == write(result)
    return result
