"""Layers behind a cut, fitted to what the original computes."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.compress.prune.coupling import couple
from edgekit.compress.prune.judge import Judge
from edgekit.compress.prune.remove import without_units
from edgekit.compress.prune.repair import Cut, repair
from edgekit.compress.prune.sampling import SampleSplit
from edgekit.core.progress import Silent
from edgekit.graph.model import Model
from tests.unit.compress.small import Builder, options, samples


def residual_net() -> Model:
    """Two convolutions beside a short cut, twins among the channels between them; then a 1x1 convolution."""
    b = Builder(6)
    x = b.input("image", 1, 6, 6, 3)
    conv = options("Conv2DOptions", strideW=1, strideH=1, padding=0, fusedActivationFunction=1, dilationWFactor=1,
                   dilationHFactor=1)  # fmt: skip
    plain = options("Conv2DOptions", strideW=1, strideH=1, padding=0, fusedActivationFunction=0, dilationWFactor=1,
                    dilationHFactor=1)  # fmt: skip
    stem = b.op("CONV_2D", [x, b.weights("w0", 6, 3, 3, 3), b.weights("b0", 6)], "stem", (1, 6, 6, 6), conv)
    weights, bias = b.rng.normal(0, 0.3, (8, 3, 3, 6)), b.rng.normal(0, 0.3, 8)
    weights[1::2], bias[1::2] = weights[::2], bias[::2]
    one = b.op("CONV_2D", [stem, b.constant("w1", weights), b.constant("b1", bias)], "one", (1, 6, 6, 8), conv)
    two = b.op("CONV_2D", [one, b.weights("w2", 6, 3, 3, 8), b.weights("b2", 6)], "two", (1, 6, 6, 6), plain)
    both = b.op("ADD", [two, stem], "both", (1, 6, 6, 6), options("AddOptions", fusedActivationFunction=1))
    return b.model(b.op("CONV_2D", [both, b.weights("w3", 4, 1, 1, 6), b.weights("b3", 4)], "out", (1, 6, 6, 4), plain))


def test_refitting_after_twins_are_gone_restores_the_outputs() -> None:
    model = residual_net()
    groups, gone = couple(model), {"one": [1, 3, 5, 7]}
    split = SampleSplit(samples(model), 100)
    judge = Judge(model, split.held_out())
    cut = without_units(model, gone)
    before = judge.verdict(cut).error
    assert repair(model, cut, Cut(groups, gone), split, Silent())[0] == "two"
    # Of a loss of a tenth and more, the weakest ridge of 1e-5 leaves next to nothing.
    assert before > 0.05
    assert judge.verdict(cut).error < 1e-4


@pytest.mark.parametrize("units", [[0], [0, 2], [0, 2, 4]])
def test_a_refit_never_makes_held_out_samples_worse(units: list[int]) -> None:
    model = residual_net()
    groups, gone = couple(model), {"one": units}
    split = SampleSplit(samples(model, 30), 100)
    judge = Judge(model, split.held_out())
    cut = without_units(model, gone)
    before = judge.verdict(cut).error
    repair(model, cut, Cut(groups, gone), split, Silent())
    assert judge.verdict(cut).error < before


def test_what_lies_before_the_cut_stays() -> None:
    model = residual_net()
    gone = {"one": [1, 3]}
    cut = without_units(model, gone)
    before = {t.name: np.array(t.data) for t in cut.main.tensors if t.is_constant}
    repair(model, cut, Cut(couple(model), gone), SampleSplit(samples(model), 100), Silent())
    after = {t.name: np.array(t.data) for t in cut.main.tensors if t.is_constant}
    assert all(np.array_equal(before[name], after[name]) for name in ("w0", "b0", "w1", "b1"))
    assert not np.array_equal(before["w2"], after["w2"])


def test_samples_are_split_the_same_way_each_time() -> None:
    split = SampleSplit(samples(residual_net(), 10), 7)
    assert split.count == 7
    held = [n for n in range(7) if split.is_held_out(n)]
    assert held == [2, 5]
    everything = list(split.all())
    assert len(everything) == 7
    assert [f["image"].tobytes() for f in split.held_out()] == [everything[n]["image"].tobytes() for n in held]
    lone = SampleSplit(samples(residual_net(), 1), 7)
    assert len(list(lone.held_out())) == 1
