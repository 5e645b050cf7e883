"""The runtime door: interfaces, kept tensors, errors."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.codec import write
from edgekit.runtime.arena import TensorMemory, Watch, addresses
from edgekit.runtime.litert import Kernels, LiteRT
from tests.shared_data import shared
from tests.unit.compress.small import conv_net, samples, two_inputs


def test_inputs_and_outputs_without_a_signature_are_named_by_their_tensors() -> None:
    model = LiteRT(write(two_inputs()))
    assert [i.name for i in model.inputs] == ["left", "right"]
    assert [(o.name, o.shape, o.dtype) for o in model.outputs] == [("sum", (1, 16), np.float32)]


@pytest.mark.parametrize("kernels", list(Kernels))
def test_all_kernels_agree(kernels: Kernels) -> None:
    data, feed = write(conv_net()), samples(conv_net(), 1).arrays[0]
    expected = LiteRT(data, kernels=Kernels.REFERENCE).run(feed)["probabilities"]
    assert np.allclose(LiteRT(data, kernels=kernels).run(feed)["probabilities"], expected, atol=1e-6)


def test_kept_tensors_hold_what_the_reference_kernels_compute() -> None:
    model = conv_net()
    fast, exact = LiteRT(write(model), keep_all=True), LiteRT(write(model), keep_all=True, kernels=Kernels.REFERENCE)
    feed = samples(model, 1).arrays[0]
    for runtime in (fast, exact):
        runtime.invoke(feed)
    numbers = {a.name: a.index for a in fast.activations()}
    for name in ("image", "conv", "depth", "pool", "flat", "dense", "probabilities"):
        # float32 sums of at most 27 products in another order
        assert np.allclose(fast.tensor(numbers[name]), exact.tensor(numbers[name]), atol=1e-5), name


def test_a_feed_that_does_not_fit_is_a_sentence() -> None:
    model = LiteRT(write(two_inputs()))
    left, right = np.zeros((1, 6), np.float32), np.zeros((1, 10), np.float32)
    with pytest.raises(UsageError, match="takes the inputs left, right"):
        model.run({"left": left})
    with pytest.raises(UsageError, match="right has the shape"):
        model.run({"left": left, "right": left})
    with pytest.raises(UsageError, match="left takes float32"):
        model.run({"left": left.astype(complex), "right": right})


@pytest.mark.parametrize("data", [b"", b"not a model at all, but long enough", write(conv_net())[:200]])
def test_what_is_no_model_is_a_model_error(data: bytes) -> None:
    with pytest.raises(ModelError, match="LiteRT cannot load the model"):
        LiteRT(data)


def test_floats_for_an_integer_input_are_quantized() -> None:
    model = LiteRT(shared("models/mlperf_tiny/kws_ref_model.tflite").read_bytes())
    (port,) = model.inputs
    feed = np.random.default_rng(0).normal(0, 5, port.shape).astype(np.float32)
    (real,) = model.run_float({port.name: feed}).values()
    assert port.is_quantized and real.dtype == np.float32 and abs(float(real.sum()) - 1) < 0.05


def test_extremes_of_all_tensors_at_once_are_those_of_each() -> None:
    model = conv_net()
    runtime = LiteRT(write(model), keep_all=True)
    indices = [i for i, t in enumerate(model.main.tensors) if not t.is_constant]
    feeds = samples(model, 3).arrays
    runtime.invoke(feeds[0])
    memory = TensorMemory(runtime, [Watch(i) for i in indices])
    lows, highs = [], []
    for feed in feeds:
        runtime.invoke(feed)
        memory.fold()
        lows.append([runtime.tensor(i).min() for i in indices])
        highs.append([runtime.tensor(i).max() for i in indices])
    low, high = memory.extremes()
    assert low.tolist() == np.min(lows, axis=0).tolist() and high.tolist() == np.max(highs, axis=0).tolist()
    assert len(addresses(runtime, indices)) == len(indices)
