"""What a step is given that it cannot use: it does what it can, or refuses in one sentence, never with a traceback."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from edgekit.compress.registry import STEPS
from edgekit.compress.step import Setting
from edgekit.core.errors import EdgekitError, UsageError
from edgekit.graph.check import check
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.targets.load import load_target
from tests.property.odd_models import ODD, with_value
from tests.property.step_case import CHILDREN, Case, assert_promise, cases, feeds_for, told
from tests.unit.compress.small import Feeds, conv_net

CASES = [pytest.param(c, id=str(c), marks=[pytest.mark.keras] if c.step in CHILDREN else []) for c in cases()]
PLAIN = [pytest.param(c, id=str(c)) for c in cases() if c.step not in CHILDREN]


def tried(case: Case, original: Model, feeds: Feeds, **more: Any) -> EdgekitError | None:
    """None where the step keeps its promise, else why it refuses; any other error is the test's."""
    try:
        model, setting = case.start(original, feeds, **more)
    except EdgekitError:
        pytest.skip("the model cannot be quantized for it")
    before = write(model)
    try:
        result = case.planned(model, setting)
    except EdgekitError as error:
        assert told(error), error
        return error
    assert_promise(model, before, result, feeds)
    return None


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("case", PLAIN)
def test_an_odd_model(case: Case, name: str) -> None:
    model = ODD[name]()
    check(model)
    error = tried(case, model, feeds_for(model))
    assert error is None or error.exit_code in (2, 3)


@pytest.mark.parametrize("where", ["first weight", "first bias", "last weight", "last bias"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("case", PLAIN)
def test_weights_that_are_no_numbers_are_refused(case: Case, value: float, where: str) -> None:
    """What a model computes with them means nothing, so that neither does what a step finds."""
    model = with_value(value, where)
    error = tried_blind(case, model)
    assert error is not None and error.exit_code == 3, f"{case} works on weights of {value}"


def tried_blind(case: Case, original: Model) -> EdgekitError | None:
    """As `tried`, for a model whose outputs may be anything."""
    try:
        model, setting = case.start(original, feeds_for(original))
        case.planned(model, setting)
    except EdgekitError as error:
        assert told(error), error
        return error
    return None


@pytest.mark.parametrize("case", PLAIN)
def test_a_model_that_is_quantized_already(case: Case) -> None:
    quantize = STEPS.load("quantize")
    feeds = feeds_for(conv_net())
    plan = quantize.plan(conv_net(), quantize.options({"scheme": "int8"}), Setting(samples=feeds))
    model = quantize.apply(conv_net(), plan)
    before = write(model)
    try:
        result = case.planned(model, Setting(samples=feeds, original=conv_net(), floating=conv_net()))
    except EdgekitError as error:
        assert told(error)
        return
    assert_promise(model, before, result, feeds)


@pytest.mark.parametrize("case", CASES)
def test_without_samples(case: Case) -> None:
    """A step that looks at none works as ever; one that does says so. (That there are some, a dataset sees to.)"""
    model, setting = case.start(conv_net(), feeds_for(conv_net()))
    without = dataclasses.replace(setting, samples=None)
    before = write(model)
    try:
        result = case.planned(model, without)
    except UsageError as error:
        assert told(error) and "samples" in error.message
        return
    assert_promise(model, before, result, feeds_for(conv_net()))


@pytest.mark.parametrize("case", PLAIN)
def test_one_sample(case: Case) -> None:
    error = tried(case, conv_net(), feeds_for(conv_net(), 1))
    assert error is None or error.exit_code in (2, 3)


@pytest.mark.parametrize("case", PLAIN)
def test_samples_that_are_all_the_same(case: Case) -> None:
    """Nothing varies: whatever is divided by a spread is divided by nothing."""
    (feed,) = feeds_for(conv_net(), 1).arrays
    error = tried(case, conv_net(), Feeds((feed,) * 6))
    assert error is None or error.exit_code in (2, 3)


@pytest.mark.parametrize("case", PLAIN)
def test_samples_of_zeros(case: Case) -> None:
    feed = {name: np.zeros_like(values) for name, values in feeds_for(conv_net(), 1).arrays[0].items()}
    error = tried(case, conv_net(), Feeds((feed,) * 4))
    assert error is None or error.exit_code in (2, 3)


@pytest.mark.parametrize("target", ["nrf52840-dk", "raspberry-pi-zero-2w-32bit", "pixel-8", "corstone-300-u55"])
@pytest.mark.parametrize("case", PLAIN)
def test_any_target(case: Case, target: str) -> None:
    error = tried(case, conv_net(), feeds_for(conv_net()), target=load_target(target))
    assert error is None or error.exit_code in (2, 3)


NUMBERS = (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e-12, 1.0, 1.5)
WHOLE = (-1, 0, 1)


def settings_of(step: str) -> list[tuple[str, str, float]]:
    """Every option of a step that is a number, with values at the edge of what it may be."""
    defaults, found = STEPS.load(step).default_options(), []
    hints = {f.name: str(f.type) for f in dataclasses.fields(defaults)}
    for name, hint in hints.items():
        values: tuple[float, ...] = NUMBERS if "float" in hint else WHOLE if "int" in hint.split("|")[0] else ()
        found += [(step, name, value) for value in values]
    return found


@pytest.mark.parametrize(("step", "name", "value"), [row for step in STEPS for row in settings_of(step)])
def test_a_number_at_the_edge(step: str, name: str, value: float) -> None:
    """Refused in a sentence that names the option, or done."""
    case = next(c for c in cases(step))
    plain = {**dict(case.options), name: value}
    try:
        STEPS.load(step).options(plain)
    except UsageError as error:
        assert told(error) and name in error.message
        return
    assert math.isfinite(value), f"{step} takes {name} = {value}"
    if step not in CHILDREN:
        tried(dataclasses.replace(case, options=tuple(plain.items())), conv_net(), feeds_for(conv_net()))
