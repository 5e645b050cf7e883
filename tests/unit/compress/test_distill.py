"""The step "distill": what it learns, what it leaves alone, and that an interruption changes nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.compress.distill import prepare
from edgekit.compress.distill.lowered import Lowered
from edgekit.compress.distill.parameters import parameters_of, scale_groups
from edgekit.compress.distill.step import DISTILL
from edgekit.compress.distill.store import put, stored
from edgekit.compress.distill.targets import outputs_of
from edgekit.compress.distill.training import Training
from edgekit.compress.quantize.step import QUANTIZE
from edgekit.compress.step import Setting
from edgekit.core.errors import UnsupportedError, UsageError
from edgekit.graph.check import check
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.graph.ops import activation_of, bias_of, weights_of
from edgekit.graph.types import DType
from edgekit.runtime.litert import Kernels, LiteRT
from tests.unit.compress.small import ZOO, Builder, Feeds, conv_net, options, samples
from tests.unit.compress.worn import mend, worn

pytest.importorskip("tensorflow", reason="needs the keras extra")
pytestmark = pytest.mark.keras


@dataclass(frozen=True, slots=True)
class Labelled:
    """Training samples in memory."""

    feeds: tuple[dict[str, Any], ...]
    labels: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.feeds)

    def labelled(self, limit: int | None) -> Iterator[tuple[dict[str, Any], int]]:
        return iter(list(zip(self.feeds, self.labels, strict=True))[:limit])


def quantized(model: Model, scheme: str, feeds: Feeds, scales: str = "free") -> Model:
    chosen = QUANTIZE.options({"scheme": scheme, "scales": scales})
    return QUANTIZE.apply(model, QUANTIZE.plan(model, chosen, Setting(samples=feeds)))


def error(model: Model, teacher: Model, feeds: Feeds) -> float:
    """Mean squared difference of the outputs, by LiteRT."""
    mine, theirs = LiteRT(write(model)), LiteRT(write(teacher))
    names = mine.outputs[0].name, theirs.outputs[0].name
    far = [mine.run_float(feed)[names[0]] - theirs.run_float(feed)[names[1]] for feed in feeds.arrays]
    return float(np.mean(np.square(far)))


def learnable(name: str, scheme: str) -> Lowered:
    model = ZOO[name]()
    lowered = Lowered(model if scheme == "float" else quantized(model, scheme, samples(model, 6)))
    lowered.learn({}, scales=True)
    return lowered


def learnt(lowered: Lowered) -> dict[str, Any]:
    """As the child leaves it."""
    arrays: dict[str, Any] = {f"value{one.parameter.index}": one.real() for one in lowered.learned.values()}
    scales = {f"scale{one.parameter.index}": one.scale() for one in lowered.learned.values()}
    groups = {f"group{n}": np.exp(np.asarray(step)) for n, step in lowered.steps.items()}
    return arrays | {key: scale for key, scale in scales.items() if scale is not None} | groups


SCHEMES = ("float", "int8", "int4", "int16x8")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ZOO)
def test_nothing_learnt_gives_the_same_constants_back(name: str, scheme: str) -> None:
    lowered = learnable(name, scheme)
    arrays = learnt(lowered)
    assert len(arrays) >= len(parameters_of(lowered.model)) > 0
    assert stored(lowered.model, arrays) == ()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ZOO)
def test_what_runs_afterwards_is_what_was_trained(name: str, scheme: str) -> None:
    """Weights, biases and scales all changed: LiteRT on the stored model against the function that was trained."""
    lowered, rng = learnable(name, scheme), np.random.default_rng(1)
    for variable in lowered.variables:
        variable.assign(rng.normal(0, 0.1, variable.shape).astype(np.float32))
    result = lowered.model.clone()
    put(result, stored(lowered.model, learnt(lowered)))
    check(result)
    feeds, runtime = samples(ZOO[name](), 6), LiteRT(write(result), kernels=Kernels.REFERENCE)
    inputs = zip(lowered.model.inputs(), feeds.arrays[0], strict=True)
    values = lowered({port.name: np.concatenate([feed[key] for feed in feeds.arrays]) for port, key in inputs})
    (port,) = lowered.model.outputs()
    found = np.stack([runtime.run_float(feed)[port.name] for feed in feeds.arrays])
    grid = port.tensor.quantization
    # a layer's integer may differ by one, and there are four layers; floats differ in their last digits
    bound = 4 * grid.scale[0] if scheme != "float" and grid is not None else 1e-5
    np.testing.assert_allclose(np.asarray(values[port.tensor]), found, atol=bound)


def test_training_brings_a_worn_model_back_towards_the_original() -> None:
    teacher, feeds = conv_net(), samples(conv_net(), 96)
    student, unseen = worn(teacher), samples(teacher, 16, seed=77)
    chosen = DISTILL.options({"epochs": 12, "batch": 16, "rate": 0.01})
    plan = DISTILL.plan(student, chosen, Setting(samples=feeds, original=teacher))
    held = plan.outcome.held
    assert len(held) == 13 and held[plan.outcome.best] < 0.3 * held[0]
    result = DISTILL.apply(student, plan)
    check(result)
    assert error(result, teacher, unseen) < 0.3 * error(student, teacher, unseen)
    assert {change.what for change in plan.changes} == {"trained"}


def test_a_quantized_model_learns_on_its_integers() -> None:
    teacher, feeds = conv_net(), samples(conv_net(), 96)
    student, unseen = quantized(worn(teacher), "int4", feeds), samples(teacher, 16, seed=77)
    chosen = DISTILL.options({"epochs": 8, "batch": 16, "rate": 0.01})
    plan = DISTILL.plan(student, chosen, Setting(samples=feeds, original=teacher))
    result = DISTILL.apply(student, plan)
    check(result)
    assert [t.dtype for t in result.main.tensors] == [t.dtype for t in student.main.tensors]
    assert error(result, teacher, unseen) < 0.5 * error(student, teacher, unseen)
    moved = [t for t, old in zip(result.main.tensors, student.main.tensors, strict=True)
             if t.quantization and not np.array_equal(t.quantization.scale, old.quantization.scale)]  # fmt: skip
    assert any(t.is_constant for t in moved) and any(not t.is_constant for t in moved), "scales learn"
    for op in result.main.ops:
        data, weights, bias = (f(op) for f in (activation_of, weights_of, bias_of))
        if bias is not None and bias.dtype is DType.INT32:
            wanted = data.quantization.scale * weights.quantization.scale  # type: ignore[union-attr]
            np.testing.assert_allclose(bias.quantization.scale, wanted, rtol=1e-6)  # type: ignore[union-attr]


def test_scales_that_kernels_or_the_outside_prescribe_stay() -> None:
    model = quantized(conv_net(), "int8", samples(conv_net()))
    groups = {tensor.name.removesuffix("_integer"): group for tensor, group in scale_groups(model).items()}
    assert set(groups) == {"conv", "depth", "pool", "flat", "dense"}
    assert groups["depth"] == groups["pool"] == groups["flat"], "pooling and reshaping keep the grid"
    assert len(set(groups.values())) == 3


def test_scales_that_are_powers_of_two_stay() -> None:
    model = quantized(conv_net(), "int8", samples(conv_net()), scales="power-of-two")
    lowered = Lowered(model)
    lowered.learn({}, scales=True)
    assert lowered.steps == {} and all(one.scale() is None for one in lowered.learned.values())


def test_a_model_that_cannot_get_better_stops_early_and_stays() -> None:
    model = conv_net()
    chosen = DISTILL.options({"epochs": 40, "batch": 8, "patience": 2})
    plan = DISTILL.plan(model, chosen, Setting(samples=samples(model)))
    assert plan.outcome.best == 0 and len(plan.outcome.train) == 2
    assert plan.stored == () and "nothing changes" in plan.explain()[0]
    assert write(DISTILL.apply(model, plan)) == write(model)


def test_labels_of_training_samples_are_learnt() -> None:
    model = conv_net()
    feeds = samples(model, 96)
    labels = tuple(int(feed["image"].mean((0, 1, 2)).argmax()) for feed in feeds.arrays)
    chosen = DISTILL.options({"epochs": 15, "batch": 16, "labels": 5.0, "rate": 0.03})
    plan = DISTILL.plan(model, chosen, Setting(training=Labelled(feeds.arrays, labels), original=model))
    held = plan.outcome.held
    assert plan.outcome.samples == 96 and held[plan.outcome.best] < 0.75 * held[0]


def test_a_training_that_is_killed_goes_on_and_gives_the_same_bytes(tmp_path: Path) -> None:
    script = "import sys, pathlib; from tests.unit.compress.worn import mend; mend(pathlib.Path(sys.argv[1]))"
    argv = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(argv, cwd=Path(__file__).parents[3]) as broken:
        while not list(tmp_path.glob("*/state.npz")) and broken.poll() is None:
            time.sleep(0.005)
        broken.kill()  # SIGKILL: nothing is cleaned up
    assert len(list(tmp_path.glob("*/state.npz"))) == 1, "killed in the middle"
    assert mend(tmp_path) == mend(None)
    assert not any(tmp_path.rglob("*.npz")), "what is done with is not kept"


def test_decay_pulls_what_is_of_no_use_to_zero(tmp_path: Path) -> None:
    """Here in this process: what is looked at is a weight, not the step."""
    model = conv_net()
    tensors = {t.name: t for t in model.main.tensors}
    dense = np.array(tensors["dense/w"].data)
    dense[:, :4] = 0  # nothing reads the first four channels
    tensors["dense/w"].set_data(dense)
    options_ = DISTILL.options({"epochs": 40, "batch": 16, "rate": 0.03, "decay": 0.001, "features": 0.0})
    prepare.write(tmp_path, model, outputs_of(model, model), Setting(samples=samples(model, 64)), None)
    training = Training(model, model, options_, tmp_path)
    training.run()
    before = np.square(np.asarray(tensors["depth/w"].data)).sum(axis=(0, 1, 2))
    after = np.square(training.student.learned[tensors["depth/w"]].real()).sum(axis=(0, 1, 2))
    left = after / before
    # 120 steps of 0.015 on average are 1.8 times a usual weight: less than the longest weights of a channel
    assert left[:4].max() < 0.2 and np.median(left[4:]) > 0.5


def test_epochs_that_would_take_longer_than_the_minutes_are_left_out(tmp_path: Path) -> None:
    model = conv_net()
    options_ = DISTILL.options({"epochs": 500, "batch": 4, "minutes": 1e-6, "features": 0.0})
    prepare.write(tmp_path, model, outputs_of(model, model), Setting(samples=samples(model, 64)), None)
    training = Training(worn(model), model, options_, tmp_path)
    training.run()
    assert training.course.epochs == len(training.course.train) == 1


def test_what_cannot_be_done_is_said_beforehand() -> None:
    model = conv_net()
    with pytest.raises(UsageError, match="needs samples to learn from"):
        DISTILL.plan(model, DISTILL.default_options(), Setting())
    beyond = Setting(training=Labelled(samples(model, 2).arrays, (3, 10)))
    with pytest.raises(UsageError, match="the label 10; the model has 10 classes"):
        DISTILL.plan(model, DISTILL.default_options(), beyond)
    integers = quantized(model, "int8", samples(model))
    with pytest.raises(UsageError, match="no float model"):
        DISTILL.plan(integers, DISTILL.default_options(), Setting(samples=samples(model)))
    b = Builder()
    numbers = b.constant("axis", [1], DType.INT32)
    other = b.model(b.op("CUMSUM", [b.input("x", 1, 4), numbers], "sum", (1, 4), options("CumsumOptions")))
    with pytest.raises(UnsupportedError, match="CUMSUM 'sum'"):
        DISTILL.plan(other, DISTILL.default_options(), Setting(samples=samples(other)))
    for wrong in ({"holdout": 1.0}, {"epochs": 0}, {"augment": "rotate"}):
        with pytest.raises(UsageError, match=f"distill.*{next(iter(wrong))}"):
            DISTILL.options(wrong)
