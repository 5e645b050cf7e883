"""Whatever the net: each step gives a legal graph that looks the same from outside, and the same bytes each time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from edgekit.compress.registry import STEPS
from edgekit.core.errors import EdgekitError
from edgekit.core.progress import Silent
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from tests.property.random_graphs import models
from tests.property.step_case import CHILDREN, Case, assert_promise, cases, feeds_for, told
from tests.unit.compress.small import conv_net

EXAMPLES = 5
few = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), deadline=None)


def marked(*which: Case) -> list[object]:
    """With the group of tests that needs TensorFlow."""
    return [pytest.param(c, id=str(c), marks=[pytest.mark.keras] if c.step in CHILDREN else []) for c in which]


@pytest.mark.parametrize("case", marked(*(c for c in cases() if c.step not in CHILDREN)))
@few
@given(model=models(most=5))
def test_a_step_keeps_its_promise_on_any_net(case: Case, model: Model) -> None:
    assert_keeps_its_promise(case, model)


@pytest.mark.keras
@pytest.mark.parametrize("case", marked(*cases(*(s for s in CHILDREN if s in STEPS))))
@settings(few, max_examples=1)
@given(model=models(most=3))
def test_a_step_with_a_process_of_its_own_does_too(case: Case, model: Model) -> None:
    assert_keeps_its_promise(case, model)


def assert_keeps_its_promise(case: Case, original: Model) -> None:
    feeds = feeds_for(original)
    try:
        model, setting = case.start(original, feeds)
        before = write(model)
        result = case.planned(model, setting)
    except EdgekitError as error:
        assert told(error)
        event(f"{case.step} refuses: {type(error).__name__}")
        return
    event(f"{case.step} changes it" if write(result) != before else f"{case.step} leaves it")
    assert_promise(model, before, result, feeds)
    assert write(case.planned(model, setting)) == write(result), "the same input gives the same bytes"


class Stopping(Silent):
    """A Progress that ends the work at the n-th thing that it is told."""

    def __init__(self, left: int, end: Callable[[], None]) -> None:
        self.left, self._end = left, end

    def start(self, label: str, total: int | None) -> None:
        self.advance()

    def advance(self, steps: int = 1) -> None:
        self.left -= 1
        if self.left == 0:
            self._end()


def press() -> None:
    """As Ctrl-C does."""
    raise KeyboardInterrupt


def kill() -> None:
    """As a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


def undisturbed(case: Case) -> bytes:
    model, setting = case.start(conv_net(), feeds_for(conv_net(), 24))
    try:
        return write(case.planned(model, setting))
    except EdgekitError as error:
        pytest.skip(f"it refuses: {error.message}")


def told_in_all(case: Case, workspace: Path) -> int:
    """How many things a step tells from its beginning to its end, where it keeps what it has found."""
    counter = Stopping(-1, press)
    model, setting = case.start(conv_net(), feeds_for(conv_net(), 24), progress=counter, workspace=workspace)
    STEPS.load(case.step).plan(model, STEPS.load(case.step).options(dict(case.options)), setting)
    return -1 - counter.left


LONG = [c for c in cases() if c.step not in CHILDREN]


@pytest.mark.parametrize("case", marked(*LONG))
def test_an_interrupted_step_goes_on_to_the_same_bytes(case: Case, tmp_path: Path) -> None:
    wanted, total = undisturbed(case), told_in_all(case, tmp_path / "whole")
    if total < 2:
        pytest.skip("it is done before it could be interrupted")
    for number, place in enumerate(dict.fromkeys((1, total // 3, 2 * total // 3, total - 1))):
        if place < 1:
            continue
        workspace = tmp_path / f"work-{number}"
        feeds = feeds_for(conv_net(), 24)
        model, setting = case.start(conv_net(), feeds, progress=Stopping(place, press), workspace=workspace)
        with pytest.raises(KeyboardInterrupt):
            case.planned(model, setting)
        model, setting = case.start(conv_net(), feeds, workspace=workspace)
        assert write(case.planned(model, setting)) == wanted


@pytest.mark.parametrize("case", marked(*LONG))
def test_a_killed_step_goes_on_to_the_same_bytes(case: Case, tmp_path: Path) -> None:
    wanted, total = undisturbed(case), told_in_all(case, tmp_path / "whole")
    if total < 2:
        pytest.skip("it is done before it could be killed")
    feeds = feeds_for(conv_net(), 24)
    child = os.fork()
    if child == 0:
        model, setting = case.start(
            conv_net(), feeds, progress=Stopping(max(1, total // 2), kill), workspace=tmp_path / "work"
        )
        case.planned(model, setting)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    model, setting = case.start(conv_net(), feeds, workspace=tmp_path / "work")
    assert write(case.planned(model, setting)) == wanted


@settings(few, max_examples=4)
@given(st.data())
def test_steps_behind_one_another_do_as_well(data: st.DataObject) -> None:
    """A recipe of several steps, in any order: each one works on what the one before made, or refuses in a sentence."""
    model = data.draw(models(most=4))
    feeds, original = feeds_for(model), model
    plain = [c for c in LONG if not c.before]
    for case in data.draw(st.lists(st.sampled_from(plain), min_size=2, max_size=3)):
        before = write(model)
        _, setting = case.start(original, feeds)
        try:
            result = case.planned(model, setting)
        except EdgekitError as error:
            assert told(error)
            continue
        assert_promise(model, before, result, feeds)
        model = result


def test_every_step_has_a_case() -> None:
    assert {case.step for case in cases()} == set(STEPS)
