"""Channels that do nothing are found, and removed without loss."""

from __future__ import annotations

import numpy as np

from edgekit.compress.prune.options import PruneOptions
from edgekit.compress.prune.step import PRUNE_CHANNELS
from edgekit.compress.step import Setting
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.runtime.litert import Kernels, LiteRT
from tests.unit.compress.small import Builder, Feeds, conv_net, options, samples


def set_channels(model: Model, tensor: str, channels: list[int], value: float | np.ndarray) -> None:
    """Along the first axis, the last one of a depthwise convolution's weights."""
    found = next(t for t in model.main.tensors if t.name == tensor)
    data = np.array(found.data)
    if tensor == "depth/w":
        data[..., channels] = value
    else:
        data[channels] = value
    found.set_data(data)


def outputs(model: Model, feeds: Feeds) -> list[np.ndarray]:
    runtime = LiteRT(write(model), kernels=Kernels.REFERENCE)
    return [next(iter(runtime.run_float(f).values())) for f in feeds.arrays]


def pruned(model: Model, feeds: Feeds) -> tuple[Model, dict[str, tuple[int, ...]]]:
    plan = PRUNE_CHANNELS.plan(model, PruneOptions(), Setting(samples=feeds))
    return PRUNE_CHANNELS.apply(model, plan), plan.gone


def test_channels_at_zero_go_and_nothing_changes() -> None:
    model = conv_net()
    set_channels(model, "depth/w", [2, 7], 0.0)
    set_channels(model, "depth/b", [2, 7], -1.0)  # behind the ReLU they are zero
    feeds = samples(model)
    result, gone = pruned(model, feeds)
    assert list(gone.values()) == [(2, 7)]
    for mine, theirs in zip(outputs(result, feeds), outputs(model, feeds), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_constant_moves_into_the_bias_of_what_reads_it() -> None:
    model = conv_net()
    set_channels(model, "depth/w", [3], 0.0)
    set_channels(model, "depth/b", [3], 0.75)
    feeds = samples(model)
    result, gone = pruned(model, feeds)
    assert list(gone.values()) == [(3,)]
    for mine, theirs in zip(outputs(result, feeds), outputs(model, feeds), strict=True):
        # Probabilities: a constant added to the bias is rounded once more than one that is summed.
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)


def padded_net(constant: float) -> Model:
    """Two 3x3 convolutions with padding; channel 1 between them is always `constant`."""
    b = Builder(4)
    x = b.input("image", 1, 6, 6, 2)
    conv = options("Conv2DOptions", strideW=1, strideH=1, padding=0, fusedActivationFunction=0, dilationWFactor=1,
                   dilationHFactor=1)  # fmt: skip
    weights, bias = b.rng.normal(0, 0.3, (4, 3, 3, 2)), np.zeros(4)
    weights[1], bias[1] = 0, constant
    y = b.op("CONV_2D", [x, b.constant("w1", weights), b.constant("b1", bias)], "one", (1, 6, 6, 4), conv)
    y = b.op("CONV_2D", [y, b.weights("w2", 3, 3, 3, 4), b.weights("b2", 3)], "two", (1, 6, 6, 3), conv)
    return b.model(y)


def test_a_constant_that_padding_interrupts_stays() -> None:
    feeds = samples(padded_net(0.5))
    assert pruned(padded_net(0.5), feeds)[1] == {}
    assert pruned(padded_net(0.0), feeds)[1] == {"one": (1,)}


def test_what_only_the_samples_leave_silent_stays() -> None:
    """A channel that tells colours apart says nothing on grey images."""
    model = conv_net()
    weights = np.zeros((1, 3, 3, 3))
    weights[0, 1, 1] = [1, -1, 0]
    set_channels(model, "conv/w", [5], weights[0])
    set_channels(model, "conv/b", [5], -0.01)
    grey = Feeds(tuple({"image": np.repeat(f["image"][..., :1], 3, axis=-1)} for f in samples(model).arrays))
    assert pruned(model, grey)[1] == {}


def test_one_unit_stays_where_all_are_dead() -> None:
    model = conv_net()
    set_channels(model, "depth/w", list(range(16)), 0.0)
    feeds = samples(model)
    result, gone = pruned(model, feeds)
    assert len(next(iter(gone.values()))) == 15
    for mine, theirs in zip(outputs(result, feeds), outputs(model, feeds), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-6)  # as above
