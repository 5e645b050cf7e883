"""What every step of the registry keeps to, with every scheme it has, on several small models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgekit.compress.registry import STEPS
from edgekit.compress.step import Aim, Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.attached import AttachedFile
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Model
from edgekit.runtime.litert import LiteRT
from tests.unit.compress.small import ZOO, samples

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "prune-channels": [
        {},
        {"macs": 0.7, "multiple": 2},
        {"size": 0.7, "multiple": 2, "importance": "l1", "refit": False},
        {"ram": 0.9, "multiple": 2, "importance": "activation", "dead": False},
    ],
    "quantize": [
        {"scheme": scheme, "boundary": boundary}
        for scheme in ("float16", "dynamic", "int8", "int16x8", "int4")
        for boundary in ("integer", "float")
    ]
    + [{"scheme": "int8", "weights": {"d*": "int4"}}, {"scheme": "int4", "weights": {"d*": "float"}}]
    + [{"scheme": scheme, "scales": "power-of-two"} for scheme in ("int8", "int16x8", "int4")],
    "sparsify": [
        {},
        {"goal": "download", "share": 0.5},
        {"goal": "download", "encoding": "zeros"},
        {"goal": "download", "block": 4},
    ],
    "reduce-embedding": [{"keep": 0.5}, {"keep": 0.6, "rank": 4, "rows": 20}, {}],
    "low-rank": [{}, {"goal": "macs", "level": 0.3}, {"goal": "error", "level": 0.5}],
    "repair": [{}, {"rounds": 0, "samples": 8}],
    "equalize": [{}, {"by": "weights"}],
    "mix": [{"size": 0.8, "accuracy_drop": 0, "quantize": {"boundary": "float"}}, {"accuracy_drop": 5, "samples": 8}],
    "distill": [{"epochs": 2, "batch": 8}],
}
BEHIND: dict[str, list[dict[str, Any]]] = {
    "repair": [{"scheme": "int8"}, {"scheme": "int4", "boundary": "float"}, {"scheme": "int16x8"},
               {"scheme": "dynamic"}],
}  # fmt: skip
"""Steps that take a quantized model, and how it was quantized."""
MARKS = {"distill": [pytest.mark.keras]}
CASES = [
    pytest.param(step, i, before, marks=MARKS.get(step, []))
    for step in STEPS
    for i in range(len(OPTIONS.get(step, [{}])))
    for before in BEHIND.get(step, [None])
]


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize(("step_name", "which", "quantized"), CASES)
def test_a_step_keeps_its_contract(step_name: str, which: int, quantized: dict[str, Any] | None, name: str) -> None:
    step = STEPS.load(step_name)
    options = step.options(OPTIONS.get(step_name, [{}])[which])
    model = ZOO[name]()
    model.attached = (AttachedFile("labels.txt", b"a\nb\n"),)
    feeds = samples(model)
    setting = Setting(samples=feeds)
    if quantized is not None:
        setting = Setting(samples=feeds, original=model, floating=model)
        model = _quantized(model, quantized, setting)
    before = write(model)
    try:
        plan = step.plan(model, options, setting)
    except (ModelError, UsageError) as error:
        pytest.skip(f"does not apply: {error.message}")
    again = step.read_plan(json.loads(json.dumps(plan.to_json())))
    assert again.to_json() == plan.to_json()
    assert plan.changes and plan.explain() and plan.predicted_bytes > 0
    result = step.apply(model, plan)
    assert write(model) == before, "the model given is not touched"
    check(result)
    assert result.attached == model.attached
    assert write(step.apply(model, again)) == write(result), "the same plan gives the same bytes"
    for side in ("inputs", "outputs"):
        mine, theirs = getattr(result, side)(), getattr(model, side)()
        assert [(p.name, p.tensor.shape) for p in mine] == [(p.name, p.tensor.shape) for p in theirs]
    runtime, source = LiteRT(write(result)), LiteRT(before)
    feed = feeds.arrays[0]
    changed, original = runtime.run_float(feed), source.run_float(feed)
    for key, values in original.items():
        assert changed[key].shape == values.shape


def _quantized(model: Model, plain: dict[str, Any], setting: Setting) -> Model:
    step = STEPS.load("quantize")
    options = step.options(plain)
    return step.apply(model, step.plan(model, options, setting))


@pytest.mark.parametrize("step_name", list(STEPS))
def test_an_unknown_option_names_the_known_ones(step_name: str) -> None:
    with pytest.raises(UsageError) as caught:
        STEPS.load(step_name).options({"no-such-option": 1})
    assert "no-such-option" in caught.value.message and "known:" in caught.value.hint


@pytest.mark.parametrize("step_name", list(STEPS))
def test_default_options_are_those_of_an_empty_table(step_name: str) -> None:
    step = STEPS.load(step_name)
    assert step.options({}) == step.default_options()


@pytest.mark.parametrize("name", ZOO)
def test_a_model_survives_the_codec_after_a_step(name: str) -> None:
    step = STEPS.load("quantize")
    model = ZOO[name]()
    plan = step.plan(model, step.default_options(), Setting(samples=samples(model)))
    data = write(step.apply(model, plan))
    assert write(read(data)) == data


@pytest.mark.parametrize("step_name", list(STEPS))
def test_a_step_says_what_it_is_for(step_name: str) -> None:
    assert isinstance(STEPS.load(step_name).aim, Aim)
