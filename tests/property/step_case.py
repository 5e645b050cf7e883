"""What a step is tried on: quick options for each, and the setting in which it works."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.compress.finite import require_finite
from edgekit.compress.registry import STEPS
from edgekit.compress.step import Setting
from edgekit.core.errors import EdgekitError
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Model
from edgekit.graph.types import DType
from edgekit.runtime.litert import LiteRT
from tests.unit.compress.small import Feeds

QUICK: dict[str, list[Mapping[str, object]]] = {
    "quantize": [{"scheme": "int8"}, {"scheme": "int16x8"}, {"scheme": "int4", "boundary": "float"},
                 {"scheme": "dynamic"}, {"scheme": "float16"}],
    "prune-channels": [{}, {"size": 0.8, "multiple": 1, "importance": "l1"}, {"macs": 0.8, "multiple": 1}],
    "distill": [{"epochs": 1, "batch": 4, "minutes": None}],
}  # fmt: skip
"""A step that is not here is tried as it is where nothing is said."""
BEHIND: dict[str, list[Mapping[str, object]]] = {
    "repair": [{"scheme": "int8"}, {"scheme": "int4", "boundary": "float"}, {"scheme": "dynamic"}],
}
"""Steps that take a quantized model, and how it was quantized."""
CHILDREN = ("distill",)
"""Steps that start a process of many seconds: they get few examples."""


@dataclass(frozen=True, slots=True)
class Case:
    """A step, its options, and how the model is quantized before it."""

    step: str
    options: tuple[tuple[str, object], ...] = ()
    before: tuple[tuple[str, object], ...] = ()

    def __str__(self) -> str:
        words = [f"{k}={v}" for k, v in (*self.before, *self.options)]
        return " ".join((self.step, *words))

    def planned(self, model: Model, setting: Setting) -> Model:
        """What the step makes of `model`, as the pipeline goes; and on the way: the plan is data, the same each time."""
        step = STEPS.load(self.step)
        options = step.options(dict(self.options))
        require_finite(model)
        plan = step.plan(model, options, setting)
        plain = json.dumps(plan.to_json(), allow_nan=False)
        again = step.read_plan(json.loads(plain))
        assert json.dumps(again.to_json(), allow_nan=False) == plain
        assert all("\n" not in line for line in plan.explain())
        result: Model = step.apply(model, plan)
        assert write(step.apply(model, again)) == write(result), "the same plan gives the same bytes"
        return result

    def start(self, model: Model, feeds: Feeds, **more: Any) -> tuple[Model, Setting]:
        """The model that the step is given, and what it may know."""
        if not self.before:
            return model, Setting(samples=feeds, original=model, **more)
        quantize = STEPS.load("quantize")
        plan = quantize.plan(model, quantize.options(dict(self.before)), Setting(samples=feeds))
        return quantize.apply(model, plan), Setting(samples=feeds, original=model, floating=model, **more)


def cases(*steps: str) -> list[Case]:
    """Every step of the registry, or of `steps`, with each of its options."""
    return [
        Case(step, tuple(options.items()), tuple(before.items()))
        for step in steps or tuple(STEPS)
        for options in QUICK.get(step, [{}])
        for before in BEHIND.get(step, [{}])
    ]


def feeds_for(model: Model, count: int = 8, seed: int = 5) -> Feeds:
    """Random samples that fit the inputs, whatever their type; one where a size is open."""
    rng = np.random.default_rng(seed)

    def one(shape: tuple[int, ...], dtype: DType) -> np.ndarray:
        if dtype.numpy.kind in "iu":
            return rng.integers(0, 4, shape).astype(dtype.numpy)
        return rng.normal(0, 1, shape).astype(dtype.numpy)

    ports = model.inputs()
    return Feeds(tuple({p.name: one(p.tensor.shape, p.tensor.dtype) for p in ports} for _ in range(count)))


def assert_promise(model: Model, before: bytes, result: Model, feeds: Feeds) -> None:
    """The model given is untouched; the result is legal, runs, and looks the same from outside."""
    assert write(model) == before, "the model given is not touched"
    check(result)
    data = write(result)
    assert write(read(data)) == data
    for side in ("inputs", "outputs"):
        mine, theirs = getattr(result, side)(), getattr(model, side)()
        assert [(p.name, p.tensor.shape) for p in mine] == [(p.name, p.tensor.shape) for p in theirs]
    found, wanted = LiteRT(data), LiteRT(before)
    for feed in feeds.arrays[:2]:
        mine, theirs = found.run_float(feed), wanted.run_float(feed)
        assert {n: v.shape for n, v in mine.items()} == {n: v.shape for n, v in theirs.items()}
        assert all(np.isfinite(v).all() for v in mine.values())


def told(error: EdgekitError) -> bool:
    """Whether it is one sentence for a person."""
    return bool(error.message) and "\n" not in error.message and "Traceback" not in error.message
