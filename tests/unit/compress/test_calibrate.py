"""Calibration against what numpy finds in each tensor."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgekit.compress.calibrate import CalibrateOptions, RangeMethod, calibrate
from edgekit.compress.ranges import Ranges
from edgekit.compress.watching import watched
from edgekit.core.errors import DatasetError, ModelError
from edgekit.graph.codec import write
from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.types import DType
from edgekit.runtime.litert import Kernels, LiteRT
from tests.unit.compress.small import Builder, conv_net, options, samples, text_net, two_inputs


def test_extremes_are_the_true_ones() -> None:
    model, feeds = two_inputs(), samples(two_inputs(), 20).arrays
    found = calibrate(model, feeds, CalibrateOptions(method=RangeMethod.MINMAX))
    runtime = LiteRT(write(model), keep_all=True, kernels=Kernels.REFERENCE)
    numbers = {a.name: a.index for a in runtime.activations()}
    for name in ("left", "right", "both", "dense", "leaky", "sum"):
        low, high = 0.0, 0.0
        for feed in feeds:
            runtime.invoke(feed)
            low = min(low, float(runtime.tensor(numbers[name]).min()))
            high = max(high, float(runtime.tensor(numbers[name]).max()))
        row = found.by_tensor[name]
        # other kernels, other order of summation
        assert row.min == pytest.approx(low, rel=1e-5) and row.max == pytest.approx(high, rel=1e-5), name
    assert found.samples == 20


def test_ranges_that_follow_are_not_observed_but_known() -> None:
    found = calibrate(conv_net(), samples(conv_net()).arrays, CalibrateOptions()).by_tensor
    assert found["flat"] == found["pool"] == found["depth"]
    assert (found["probabilities"].min, found["probabilities"].max) == (0.0, 1.0)
    assert found["conv"].min == 0.0


@pytest.mark.parametrize("method", [RangeMethod.PERCENTILE, RangeMethod.MSE])
def test_other_methods_stay_inside_the_extremes_and_say_what_they_cut(method: RangeMethod) -> None:
    options = CalibrateOptions(method=method, percentile=99.0)
    found = calibrate(two_inputs(), samples(two_inputs(), 50).arrays, options)
    for row in found.by_tensor.values():
        assert row.seen_min <= row.min <= 0 <= row.max <= row.seen_max and 0 <= row.clipped < 0.03
    # at 8 bits the least error is often that of the whole range
    assert method is RangeMethod.MSE or any(row.clipped > 0 for row in found.by_tensor.values())


def test_second_moments_are_those_of_the_rows() -> None:
    model, feeds = text_net(), samples(text_net(), 9).arrays
    found = calibrate(model, feeds, CalibrateOptions(), hessians_of=frozenset({"mean"}))
    table = next(t for t in model.main.tensors if t.name == "table").data
    rows = np.stack([table[feed["ids"][0]].mean(axis=0) for feed in feeds])
    assert np.allclose(found.hessians["mean"], rows.T @ rows * 2 / len(rows), atol=1e-6)


@pytest.mark.parametrize("method", RangeMethod)
def test_a_scalar_is_seen_too(method: RangeMethod) -> None:
    """LiteRT gives a copy of a scalar, whose memory is not the tensor's."""
    build = Builder()
    x, gain = build.input("x", 1, 4), build.input("gain")
    model = build.model(build.op("MUL", [x, gain], "y", (1, 4), options("MulOptions")))
    feeds = [{"x": np.ones((1, 4), np.float32), "gain": np.array(v, np.float32)} for v in (0.5, -3.0, 2.0)]
    found = calibrate(model, feeds, CalibrateOptions(method=method)).by_tensor
    assert (found["gain"].seen_min, found["gain"].seen_max) == (-3.0, 2.0)
    assert (found["y"].seen_min, found["y"].seen_max) == (-3.0, 2.0)


def test_ranges_survive_json() -> None:
    found = calibrate(text_net(), samples(text_net()).arrays, CalibrateOptions(), hessians_of=frozenset({"mean"}))
    again = Ranges.from_json(json.loads(json.dumps(found.to_json())))
    assert again.by_tensor == found.by_tensor and np.array_equal(again.hessians["mean"], found.hessians["mean"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_named(value: float) -> None:
    feeds = [dict(f) for f in samples(two_inputs(), 3).arrays]
    feeds[1]["right"] = np.full((1, 10), value, np.float32)
    with pytest.raises(ModelError, match="tensor right holds"):
        calibrate(two_inputs(), feeds, CalibrateOptions())


def test_no_samples_is_an_error() -> None:
    with pytest.raises(DatasetError, match="no samples"):
        calibrate(conv_net(), [], CalibrateOptions())


def test_what_a_loop_computes_and_nothing_reads_is_not_observed() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    read = b.graph.add_tensor(Tensor("read", (1, 4), DType.FLOAT32))
    unread = b.graph.add_tensor(Tensor("unread", (1, 4), DType.FLOAT32))
    b.graph.ops.append(Op("WHILE", [x, x], [read, unread], subgraphs=[Graph("condition"), Graph("body")]))
    b.graph.outputs = [read]
    assert [tensor.name for tensor in watched(b.graph).tensors] == ["x", "read"]


def test_weights_in_half_precision_have_the_range_that_the_file_gives_them() -> None:
    # LiteRT unpacks such weights by itself: the tensor's own memory holds whatever was there before.
    b = Builder(4)
    half = b.constant("half", np.linspace(-0.5, 0.25, 32).reshape(4, 8), DType.FLOAT16)
    whole = b.op("DEQUANTIZE", [half], "whole", (4, 8))
    model = b.model(b.op("FULLY_CONNECTED", [b.input("x", 1, 8), whole, None], "y", (1, 4),
                         options("FullyConnectedOptions")))  # fmt: skip
    found = calibrate(model, samples(model).feeds(None), CalibrateOptions()).by_tensor["whole"]
    assert (found.min, found.max) == (-0.5, 0.25)
