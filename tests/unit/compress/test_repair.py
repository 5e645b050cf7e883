"""The step "repair": what it brings in numbers, on layers of every kind, and what it keeps to."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.compress.moments import Moments
from edgekit.compress.quantize.step import QUANTIZE
from edgekit.compress.repair.layer import Halves, best_ridge
from edgekit.compress.repair.pairs import pair_layers
from edgekit.compress.repair.rounding import (
    Bounds,
    Grid,
    descend,
    nearest,
    output_error,
    rescaled,
    round_weights,
    successive,
)
from edgekit.compress.repair.step import REPAIR
from edgekit.compress.repair.walk import Walk
from edgekit.compress.step import Setting
from edgekit.core.errors import ModelError, UsageError
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Model
from edgekit.graph.ops import activation_of, bias_of, weights_of
from edgekit.runtime.litert import LiteRT
from tests.shared_data import shared
from tests.unit.compress.net import NONE, Net
from tests.unit.compress.small import Feeds, conv_net, samples


def every_kind() -> Model:
    """Convolutions (one grouped), depthwise with a multiplier, transposed, fully connected, and a sum."""
    net = Net(5)
    x = net.input("image", 1, 8, 8, 3)
    y = net.depthwise(net.conv(x, 8), multiplier=2)
    z = net.conv(net.conv(y, 16, groups=2), 16, act=NONE)
    y = net.transposed(net.binary("ADD", y, z), 6)
    return net.model(net.dense(net.dense(net.pool(y, size=4), 12), 5))


def smooth(model: Model, count: int, seed: int) -> Feeds:
    """Samples whose values depend on their neighbours', as in images: where rounding errors can make up for another."""
    rng = np.random.default_rng(seed)
    shape = model.inputs()[0].tensor.shape

    def one() -> Any:
        noise = rng.normal(0, 1, shape)
        return (noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2) + rng.normal(0.5, 1)).astype(np.float32)

    return Feeds(tuple({model.inputs()[0].name: one()} for _ in range(count)))


def quantized(model: Model, feeds: Feeds, **options: Any) -> Model:
    return QUANTIZE.apply(model, QUANTIZE.plan(model, QUANTIZE.options(options), Setting(samples=feeds)))


def repaired(model: Model, now: Model, feeds: Feeds, **options: Any) -> Model:
    setting = Setting(samples=feeds, floating=model)
    return REPAIR.apply(now, REPAIR.plan(now, REPAIR.options(options), setting))


def error(model: Model, changed: Model, feeds: Feeds) -> float:
    """Mean squared error of the outputs over their variance."""
    first, second = LiteRT(write(model)), LiteRT(write(changed))
    wanted = np.stack([next(iter(first.run_float(feed).values())) for feed in feeds.arrays])
    found = np.stack([next(iter(second.run_float(feed).values())) for feed in feeds.arrays])
    return float(np.square(found - wanted).mean() / wanted.var())


@pytest.mark.parametrize(("scheme", "least"), [("int4", 3.0), ("int8", 0.6), ("int16x8", 1.5), ("dynamic", 1.5)])
def test_outputs_come_closer_on_samples_that_it_has_not_seen(scheme: str, least: float) -> None:
    """`least` is about half of the factors at the time of writing: seeds and kernels move them, not by half.

    At int8 this net's error is that of its activations: what the weights make up for on some samples is by chance, and
    the pipeline drops a repair that brings nothing; here it must only stay near (0.8).
    """
    model = every_kind()
    feeds = smooth(model, 60, seed=1)
    now = quantized(model, feeds, scheme=scheme, calibration={"method": "minmax"})
    unseen = smooth(model, 40, seed=2)
    before, after = (error(model, m, unseen) for m in (now, repaired(model, now, feeds)))
    assert after * least < before


def test_every_layer_comes_closer() -> None:
    model = every_kind()
    feeds = smooth(model, 40, seed=1)
    now = quantized(model, feeds, scheme="int4")
    plan = REPAIR.plan(now, REPAIR.default_options(), Setting(samples=feeds, floating=model))
    kinds = [r.kind for r in plan.layers]
    assert sorted(set(kinds)) == ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"]
    assert len(kinds) == 7 and not plan.left
    assert all(r.error_after <= r.error_before for r in plan.layers)
    assert np.prod([r.error_after / r.error_before for r in plan.layers]) ** (1 / 7) < 0.5


def test_the_result_is_legal_for_every_kernel() -> None:
    """Scales of biases are products, int4 stays within -7 to 7, biases leave room in int32."""
    model = every_kind()
    feeds = smooth(model, 20, seed=1)
    result = repaired(model, quantized(model, feeds, scheme="int4"), feeds)
    check(result)
    for op in (o for o in result.main.ops if weights_of(o) is not None and o.kind != "RESHAPE"):
        weights, bias, data = weights_of(op), bias_of(op), activation_of(op)
        assert weights is not None and bias is not None and data is not None
        assert weights.quantization is not None and bias.quantization is not None and data.quantization is not None
        product = (data.quantization.scale * weights.quantization.scale).astype(np.float32)
        np.testing.assert_array_equal(bias.quantization.scale, product)
        assert weights.data is not None and np.abs(weights.data).max() <= 2 ** (weights.dtype.bits - 1) - 1
        assert bias.data is not None and np.abs(bias.data.astype(np.int64)).max() <= 2**30


def test_a_channel_that_is_always_zero_keeps_its_constant() -> None:
    model = conv_net()
    op = model.main.ops[0]
    weights, bias = weights_of(op), bias_of(op)
    assert weights is not None and weights.data is not None and bias is not None and bias.data is not None
    dead, large = weights.data.copy(), bias.data.copy()
    dead[3], large[3] = 0, 4.0
    weights.set_data(dead)
    bias.set_data(large)
    feeds = samples(model)
    now = quantized(model, feeds, scheme="int8")
    result = repaired(model, now, feeds)
    seen = LiteRT(write(result), keep_all=True)
    seen.invoke(feeds.arrays[0])
    place = result.main.tensors.index(result.main.ops[0].outputs[0])
    grid = result.main.ops[0].outputs[0].quantization
    assert grid is not None
    constant = (seen.tensor(place)[..., 3].astype(np.float64) - grid.zero_point) * grid.scale
    np.testing.assert_allclose(constant, 4.0, atol=float(grid.scale[0]))  # one step of the grid


def test_the_bias_alone() -> None:
    model = every_kind()
    feeds = smooth(model, 40, seed=1)
    now = quantized(model, feeds, scheme="int4")
    result = repaired(model, now, feeds, what="bias")
    assert error(model, result, smooth(model, 40, seed=2)) < error(model, now, smooth(model, 40, seed=2))
    for before, after in zip(now.main.ops, result.main.ops, strict=True):
        if (held := weights_of(before)) is not None and (kept := weights_of(after)) is not None:
            assert held.buffer.data == kept.buffer.data


def test_the_same_samples_give_the_same_plan() -> None:
    model = every_kind()
    feeds = smooth(model, 12, seed=1)
    now = quantized(model, feeds, scheme="int4")
    first, second = (
        REPAIR.plan(now, REPAIR.default_options(), Setting(samples=feeds, floating=model)).to_json() for _ in range(2)
    )
    assert first == second


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    model = every_kind()
    feeds = smooth(model, 12, seed=1)
    now = quantized(model, feeds, scheme="int4")
    setting = Setting(samples=feeds, floating=model, workspace=tmp_path / "work")
    whole = REPAIR.plan(now, REPAIR.default_options(), setting)
    kept = sorted((tmp_path / "work").iterdir())
    assert [p.name for p in kept] == [f"layer-{n}.json" for n in range(7)], "and no folder of intermediate values"
    changed = json.loads(kept[0].read_text()) | {"error_before": 0.5}
    kept[0].write_text(json.dumps(changed))
    for path in kept[4:]:
        path.unlink()
    again = REPAIR.plan(now, REPAIR.default_options(), setting)
    assert again.layers[0].error_before == 0.5, "the first is read, not solved again"
    assert [r.to_json() for r in again.layers[1:]] == [r.to_json() for r in whole.layers[1:]]


def test_scales_of_powers_of_two_stay() -> None:
    model = every_kind()
    feeds = smooth(model, 30, seed=1)
    now = quantized(model, feeds, scheme="int8", scales="power-of-two")
    result = repaired(model, now, feeds)
    for before, after in zip(now.main.ops, result.main.ops, strict=True):
        if (held := weights_of(before)) is not None and (kept := weights_of(after)) is not None:
            assert held.quantization is not None and kept.quantization is not None
            np.testing.assert_array_equal(kept.quantization.scale, held.quantization.scale)
    unseen = smooth(model, 30, seed=2)
    assert error(model, result, unseen) < error(model, now, unseen)


def test_a_bias_that_two_layers_read_is_given_to_neither() -> None:
    net = Net(3)
    x = net.input("x", 1, 12)
    y = net.dense(net.dense(x, 12), 12)
    net.graph.ops[1].inputs[2] = net.graph.ops[0].inputs[2]
    model = net.model(y)
    model.main.sweep()
    feeds = samples(model)
    now = quantized(model, feeds, scheme="dynamic")
    assert bias_of(now.main.ops[0]) is bias_of(now.main.ops[1])
    result = repaired(model, now, feeds)
    first, second = (bias_of(op) for op in result.main.ops)
    assert first is not None and second is not None and first is not second
    assert error(model, result, samples(model, seed=9)) < error(model, now, samples(model, seed=9))


def test_weights_that_two_layers_read_are_left_with_the_reason() -> None:
    net = Net(3)
    x = net.input("x", 1, 12)
    y = net.dense(net.dense(x, 12), 12)
    net.graph.ops[1].inputs[1] = net.graph.ops[0].inputs[1]
    model = net.model(y)
    model.main.sweep()
    feeds = samples(model)
    now = quantized(model, feeds, scheme="dynamic")
    plan = REPAIR.plan(now, REPAIR.default_options(), Setting(samples=feeds, floating=model))
    assert not plan.layers and {c.why for c in plan.left} == {"another operator reads the same weights"}
    assert plan.explain()[0] == "no layer is repaired"


def test_what_is_missing_is_said_in_one_sentence() -> None:
    model = conv_net()
    now = quantized(model, samples(model), scheme="int8")
    with pytest.raises(UsageError, match="repair needs calibration samples, and there are none"):
        REPAIR.requires(now, REPAIR.default_options(), Setting(floating=model))
    with pytest.raises(ModelError, match="repair needs a quantized model and the float one"):
        REPAIR.requires(model, REPAIR.default_options(), Setting(samples=samples(model)))
    with pytest.raises(UsageError, match="ridge is 0"):
        REPAIR.options({"ridge": 0.0})


def test_a_sum_is_seen_where_a_layer_can_make_up_for_it() -> None:
    model = every_kind()
    pairs = pair_layers(quantized(model, smooth(model, 8, seed=1), scheme="int8").main, model.main)
    assert [p.beside is not None for p in pairs.layers] == [False, False, False, True, False, False, False]


def test_a_walk_sees_what_the_whole_model_computes(tmp_path: Path) -> None:
    model = every_kind()
    feeds = smooth(model, 3, seed=4)
    walk = Walk(model, tmp_path, 3)
    walk.begin(feeds.feeds(None), ["image"])
    runtime = LiteRT(write(model), keep_all=True)
    for place in (2, 4, len(model.main.ops) - 1):
        walk.advance(place)
        tensor = activation_of(model.main.ops[place])
        assert tensor is not None
        for feed, seen in zip(feeds.arrays, walk.batches(tensor, 1), strict=True):
            runtime.invoke(feed)
            np.testing.assert_array_equal(seen, runtime.tensor(model.main.tensors.index(tensor)))
    assert not list(tmp_path.iterdir()), "the files have no names, so that a killed run leaves none"


def hessian_of(taps: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 1, (200, taps)) @ rng.normal(0, 1, (taps, taps))
    return (rows.T @ rows / 200)[None]


def test_rounding_against_all_there_is() -> None:
    """Four taps on a grid of seven integers: 2,401 ways, of which rounding finds ones within 20 % of the best together.

    Descent ends where no single integer can move alone; two that move together may do better.
    """
    hessian, scales = hessian_of(4), np.full((1, 6), 0.25)
    weights = np.random.default_rng(1).normal(0, 0.3, (1, 4, 6))
    ways = np.array(list(itertools.product(range(-3, 4), repeat=4)), np.float64).T[None]
    best = [output_error(hessian, ways * 0.25 - weights[:, :, [o]]).min() for o in range(6)]
    found = descend(successive(weights, hessian, scales, 3), weights, hessian, 3, 10)
    assert output_error(hessian, found.real - weights).sum() <= 1.2 * np.sum(best)


def test_each_part_of_rounding_helps() -> None:
    hessian = hessian_of(24)
    weights = np.random.default_rng(2).normal(0, 0.3, (1, 24, 16))
    scales = np.abs(weights).max(axis=1) / 7

    def total(grid: Grid) -> float:
        return float(output_error(hessian, grid.real - weights).sum())

    bounds = Bounds(7, np.full((1, 16), 1e-9))
    plain = nearest(weights, scales, 7)
    after = descend(plain, weights, hessian, 7, 3)
    fitted = rescaled(after, weights, hessian, bounds)
    assert total(plain) > total(after) > total(fitted)
    assert total(successive(weights, hessian, scales, 7)) < total(plain)
    assert total(round_weights(weights, hessian, bounds, 4)) < min(total(fitted), 0.5 * total(plain))


def test_one_scale_for_all_outputs() -> None:
    hessian = hessian_of(10)
    weights = np.random.default_rng(2).normal(0, 0.3, (1, 10, 5))
    grid = round_weights(weights, hessian, Bounds(7, np.full((1, 5), 1e-9), per_channel=False), 3)
    assert len(set(grid.scales.reshape(-1))) == 1


def test_the_ridge_holds_weights_where_samples_are_few() -> None:
    """With 3 rows for 40 taps a fit says nothing of other samples; with 4,000 and a shifted input it does."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 1, (1, 40, 2))

    def halves(rows: int) -> Halves:
        parts = []
        for _ in range(2):
            z = rng.normal(0, 1, (1, rows, 40)).astype(np.float32)
            moments = Moments(1, 40)
            moments.add(np.float32(0.5) * z + rng.normal(0, 0.01, z.shape).astype(np.float32), z)
            parts.append(moments)
        return Halves(parts[0], parts[1], parts[0].merged(parts[1]))

    few, many = halves(3), halves(4000)
    assert best_ridge(weights, weights, many) < 0.1 < best_ridge(weights, weights, few)


def test_a_layer_behind_others_is_named_as_in_the_float_graph() -> None:
    model = conv_net()
    now = quantized(model, samples(model), scheme="int8", boundary="float")
    found = pair_layers(now.main, model.main)
    assert [p.floating.kind for p in found.layers] == ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"]
    assert not pair_layers(now.main, replace_names(model).main).layers


def replace_names(model: Model) -> Model:
    clone = model.clone()
    for tensor in clone.main.tensors:
        tensor.name = f"other/{tensor.name}"
    return clone


def test_large_layers_are_left_with_the_reason() -> None:
    net = Net(1)
    x = net.input("x", 1, 5000)
    model = net.model(net.dense(net.dense(x, 4), 4))
    feeds = samples(model, count=4)
    now = quantized(model, feeds, scheme="int8")
    plan = REPAIR.plan(now, REPAIR.default_options(), Setting(samples=feeds, floating=model))
    assert len(plan.layers) == 1 and "5000 inputs, more than the 4096" in plan.left[0].why


def test_int4_of_resnet8_on_real_images(tmp_path: Path) -> None:
    """The library alone loses about 28 points of agreement more than this; by repair about 91 to 93 % stay.

    On 300 images the standard error of an agreement of 92 % is 1.6 points: 86 is nearly four of them away.
    """
    model = read(shared("models/mlperf_tiny/pretrainedResnet.tflite").read_bytes())
    images = np.load(shared("cifar10/cifar10_jpeg.npz"))
    feeds, unseen = (cifar(images, part, count) for part, count in (("train", 100), ("test", 300)))
    now = quantized(model, feeds, scheme="int4")
    after = repaired(model, now, feeds, rounds=2)
    before, mended = (agreement(model, m, unseen) for m in (now, after))
    assert mended > 86 > before + 10


def cifar(images: Any, part: str, count: int) -> Feeds:
    pil = pytest.importorskip("PIL.Image")
    offsets, jpeg = images[f"{part}_offsets"], images[f"{part}_jpeg"]
    arrays = []
    for n in range(count):
        picture = pil.open(io.BytesIO(jpeg[offsets[n] : offsets[n + 1]].tobytes()))
        arrays.append({"input_1": np.asarray(picture, np.float32)[None]})
    return Feeds(tuple(arrays))


def agreement(model: Model, changed: Model, feeds: Feeds) -> float:
    first, second = LiteRT(write(model)), LiteRT(write(changed))
    same = [
        next(iter(first.run_float(f).values())).argmax() == next(iter(second.run_float(f).values())).argmax()
        for f in feeds.arrays
    ]
    return 100 * float(np.mean(same))
