"""The analysis: known answers, and that only what lies behind a layer is run."""

from __future__ import annotations

import json
import math
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgekit.compress.analysis import analyze as module
from edgekit.compress.analysis.analysis import Analysis, Layer
from edgekit.compress.analysis.analyze import AnalyzeOptions, Importance, analyze, analyze_in
from edgekit.compress.analysis.change import on_grid
from edgekit.compress.analysis.choice import CUTS, Choice
from edgekit.compress.analysis.error import Errors, Reading, reading_of
from edgekit.compress.analysis.findings import findings
from edgekit.compress.analysis.layers import find_layers
from edgekit.compress.analysis.walk import Runner, Walk, frontier_bytes, reached
from edgekit.compress.calibrate import CalibrateOptions, RangeMethod
from edgekit.compress.quantize.options import QuantizeOptions, Scheme
from edgekit.compress.registry import STEPS
from edgekit.compress.step import Setting
from edgekit.core.errors import DatasetError, ModelError
from edgekit.graph.codec import write
from edgekit.graph.cut import cut
from edgekit.graph.model import Model, Tensor
from edgekit.graph.types import DType
from edgekit.runtime.litert import LiteRT
from edgekit.targets.case import Level
from edgekit.targets.load import load_target
from tests.unit.compress.small import ZOO, Builder, Feeds, conv_net, options, samples, text_net, two_inputs

EXTREMES = AnalyzeOptions(calibration=CalibrateOptions(method=RangeMethod.MINMAX))
DENSE = options("FullyConnectedOptions")


def scaled_by(factor: float, size: int = 4) -> Model:
    """x -> dense with `factor` on the diagonal."""
    b = Builder()
    x = b.input("x", 1, size)
    return b.model(b.op("FULLY_CONNECTED", [x, b.constant("w", factor * np.eye(size))], "y", (1, size), DENSE))


def integers(count: int = 16, size: int = 4) -> Feeds:
    """Whole numbers that reach both ends of int8, so that the grid's steps are 1."""
    rng = np.random.default_rng(0)
    rows = rng.integers(-128, 128, (count, 1, size)).astype(np.float32)
    rows[0, 0, :2] = -128, 127
    return Feeds(tuple({"x": row} for row in rows))


def chain(outlier: str = "", size: int = 16) -> Model:
    """Three dense layers; the weights of `outlier` have one large value in each channel."""
    b = Builder(5)
    x = b.input("x", 1, size)
    for name in ("one", "two", "three"):
        values = b.rng.uniform(-0.3, 0.3, (size, size))
        if name == outlier:
            values[np.arange(size), b.rng.integers(0, size, size)] = 4.0
        x = b.op("FULLY_CONNECTED", [x, b.constant(f"{name}/w", values)], name, (1, size), DENSE)
    return b.model(x)


def layer_of(analysis: Analysis, name: str) -> Layer:
    return next(layer for layer in analysis.layers if layer.name == name)


def test_what_is_exactly_representable_costs_nothing() -> None:
    found = analyze(scaled_by(127.0), integers(), EXTREMES).layers[0]
    assert found.sqnr_db(Choice.INT8) == math.inf
    assert found.sqnr_db(Choice.FLOAT16) == math.inf
    assert analyze(scaled_by(7.0), integers(), EXTREMES).layers[0].sqnr_db(Choice.INT4) == math.inf


@pytest.mark.parametrize(("bits", "most"), [(8, 127), (4, 7)])
def test_weights_on_their_grid_stay(bits: int, most: int) -> None:
    rng = np.random.default_rng(1)
    stored = rng.integers(-most, most + 1, (5, 6)).astype(np.float32)
    stored[:, 0] = most
    weights = stored * np.array([[1], [2], [0.5], [4], [0.25]], np.float32)
    np.testing.assert_array_equal(on_grid(weights, bits, 0), weights)
    whole = on_grid(weights, bits, None)
    assert np.abs(whole - weights).max() <= weights.max() / most / 2 * 1.0001  # half a step, and its rounding


def test_a_channel_of_zeros_stays_zero() -> None:
    weights = np.zeros((2, 3), np.float32)
    weights[1] = 127
    np.testing.assert_array_equal(on_grid(weights, 8, 0), weights)


def test_the_layer_with_outliers_hurts_most() -> None:
    for name in ("one", "two", "three"):
        model = chain(name)
        found = analyze(model, samples(model), AnalyzeOptions())
        assert found.hurting(Choice.INT4)[0].name == name
        facts = {layer.name: layer.weight_facts.peak_to_rms for layer in found.layers}
        assert max(facts, key=lambda n: facts[n]) == name


@pytest.mark.parametrize("name", ZOO)
def test_a_walk_and_the_rest_give_what_the_whole_gives(name: str) -> None:
    model = ZOO[name]()
    graph, feeds = model.main, samples(model, 3)
    walk = Walk(model, feeds.feeds(None))
    whole = Runner(cut(model, graph.inputs, reached(graph, 0)), stateful=False)
    expected = [whole.run(held) for held in walk.held]
    for layer in find_layers(graph):
        walk.advance(layer.position)
        rest = Runner(walk.rest(), stateful=False)
        for held, outputs in zip(walk.held, expected, strict=True):
            for key, values in rest.run(held).items():
                np.testing.assert_array_equal(values, outputs[key])


def test_a_whole_walk_is_one_forward_pass() -> None:
    model = conv_net()
    feeds = samples(model, 3)
    walk = Walk(model, feeds.feeds(None))
    last = find_layers(model.main)[-1]
    for layer in find_layers(model.main):
        walk.advance(layer.position)
    assert walk.macs == 3 * (27_648 + 9_216)  # the convolutions; the dense layer is behind
    assert list(walk.held[0]) == [last.ops[0].inputs[0].name]  # type: ignore[union-attr]


def test_what_it_cost_is_counted() -> None:
    model = conv_net()
    found = analyze(model, samples(model, 4), AnalyzeOptions())
    conv, depth, dense = 27_648, 9_216, 160
    rests = 7 * (conv + depth + dense) + 7 * (depth + dense) + 4 * dense  # the head keeps its channels: four choices
    calibrated = 2 * (conv + depth + dense)
    walked = conv + depth
    assert found.passes == pytest.approx((rests + calibrated + walked) / (conv + depth + dense) + 1)
    assert found.passes_per_layer < 7


def test_errors_of_layers_add_up_as_powers() -> None:
    model = chain()
    found = analyze(model, samples(model), AnalyzeOptions())
    alone = [10 ** (-layer.sqnr_db(Choice.INT8) / 10) for layer in found.layers]
    together = found.together_db(Choice.INT8)
    assert together == pytest.approx(-10 * math.log10(sum(alone)))
    assert found.together_db(Choice.PRUNE_50) is None
    assert analyze(scaled_by(127.0), integers(), EXTREMES).together_db(Choice.INT8) == math.inf


def test_a_cut_is_what_the_model_gives_with_those_channels_at_zero() -> None:
    model = conv_net()
    feeds = samples(model)
    found = analyze(model, feeds, AnalyzeOptions(importance=Importance.WEIGHTS))
    weights, bias = model.main.ops[0].inputs[1], model.main.ops[0].inputs[2]
    assert weights is not None and weights.data is not None and bias is not None and bias.data is not None
    gone = np.argsort(np.square(weights.data, dtype=np.float64).sum(axis=(1, 2, 3)), kind="stable")[:8]
    pruned = model.clone()
    for tensor in pruned.main.ops[0].inputs[1:]:
        assert tensor is not None and tensor.data is not None
        values = tensor.data.copy()
        values[gone] = 0
        tensor.set_data(values)
    assert layer_of(found, "conv").sqnr_db(Choice.PRUNE_50) == pytest.approx(_sqnr(model, pruned, feeds))


def _sqnr(model: Model, other: Model, feeds: Feeds) -> float:
    first, second = LiteRT(write(model)), LiteRT(write(other))
    signal = noise = 0.0
    for feed in feeds.arrays:
        a, b = first.run(feed), second.run(feed)
        for name, values in a.items():
            signal += float(np.square(values.astype(np.float64)).sum())
            noise += float(np.square(b[name].astype(np.float64) - values).sum())
    return 10 * math.log10(signal / noise)


def test_savings_are_those_of_the_layer_and_of_what_reads_it() -> None:
    model = conv_net()
    effect = layer_of(analyze(model, samples(model, 2), AnalyzeOptions()), "conv").effect(Choice.PRUNE_50)
    assert effect is not None
    assert effect.macs_saved == (27_648 + 9_216 + 160) // 2
    assert effect.bytes_saved == 4 * (432 + 16 + 144 + 160) // 2
    assert effect.activation_bytes_saved == 8 * 8 * 16 * 4 // 2
    int8 = layer_of(analyze(model, samples(model, 2), AnalyzeOptions()), "conv").effect(Choice.INT8)
    assert int8 is not None
    assert int8.bytes_saved == 4 * 432 - 432 - 16 * 12  # a scale and a zero point for each channel
    assert (int8.macs_saved, int8.activation_bytes_saved) == (0, 8 * 8 * 16 * 3)


def test_an_addition_with_another_branch_ends_what_is_saved() -> None:
    b = Builder()
    x = b.input("x", 1, 8)
    one = b.op("FULLY_CONNECTED", [x, b.weights("w1", 8, 8)], "one", (1, 8), DENSE)
    two = b.op("ADD", [one, x], "two", (1, 8), options("AddOptions"))
    model = b.model(b.op("FULLY_CONNECTED", [two, b.weights("w2", 4, 8)], "three", (1, 4), DENSE))
    effect = analyze(model, samples(model, 2), AnalyzeOptions()).layers[0].effect(Choice.PRUNE_50)
    assert effect is not None and effect.macs_saved == 32


def test_the_outputs_of_the_model_keep_their_channels() -> None:
    model = conv_net()
    found = analyze(model, samples(model, 2), AnalyzeOptions())
    assert all(layer_of(found, "dense").effect(cut) is None for cut in CUTS)


def test_dead_channels_are_found() -> None:
    model = conv_net()
    for tensor, value in zip(model.main.ops[0].inputs[1:], (0.0, -1.0), strict=True):
        assert tensor is not None and tensor.data is not None
        values = tensor.data.copy()
        values[[3, 7]] = value
        tensor.set_data(values)
    conv = layer_of(found := analyze(model, samples(model), AnalyzeOptions()), "conv")
    assert {3, 7} <= set(conv.dead)
    assert conv.zero_weights == 2
    assert conv.sqnr_db(Choice.PRUNE_25) < math.inf
    assert "output channels hold one value on all samples" in findings(found)[0]


def test_a_dead_output_of_the_model_stays() -> None:
    model = scaled_by(0.0)
    assert analyze(model, integers(), AnalyzeOptions()).layers[0].dead == ()


def test_operators_of_one_name_are_told_apart() -> None:
    model = chain()
    for op in model.main.ops[:2]:
        op.outputs[0].name = "twice"
    found = analyze(model, samples(model, 3), AnalyzeOptions())
    assert [layer.places for layer in found.layers] == [(0,), (1,), (2,)]


def test_an_activation_of_its_own_belongs_to_the_layer() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    bias = b.constant("b", [-1000, 0, 0, 0])
    y = b.op("FULLY_CONNECTED", [x, b.weights("w", 4, 4), bias], "y", (1, 4), DENSE)
    z = b.op("RELU", [y], "z", (1, 4))
    model = b.model(b.op("FULLY_CONNECTED", [z, b.weights("v", 2, 4)], "scores", (1, 2), DENSE))
    assert analyze(model, samples(model), AnalyzeOptions()).layers[0].dead == (0,)


def shared() -> Model:
    """One matrix, read twice."""
    b = Builder()
    x, w = b.input("x", 1, 8), b.weights("w", 8, 8)
    one = b.op("FULLY_CONNECTED", [x, w], "one", (1, 8), DENSE)
    return b.model(b.op("FULLY_CONNECTED", [one, w], "two", (1, 8), DENSE))


def test_shared_weights_are_one_layer_and_change_together() -> None:
    model = shared()
    feeds = samples(model)
    found = analyze(model, feeds, AnalyzeOptions())
    (layer,) = found.layers
    assert (layer.ops, layer.places) == (("one", "two"), (0, 1))
    assert layer.macs == 128
    assert layer.weight_bytes == 256
    other = model.clone()
    tensor = other.main.ops[0].inputs[1]
    assert tensor is not None and tensor.data is not None
    tensor.set_data(tensor.data.astype(np.float16).astype(np.float32))
    assert layer.sqnr_db(Choice.FLOAT16) == pytest.approx(_sqnr(model, other, feeds))
    assert any("read by 2 operators" in text for text in findings(found))


def test_tensors_that_share_a_buffer_are_one_layer() -> None:
    model = shared()
    second = model.main.ops[1]
    first = second.inputs[1]
    assert first is not None
    twin = model.main.add_tensor(type(first)("w2", first.shape, first.dtype, first.buffer))
    second.inputs[1] = twin
    (layer,) = analyze(model, samples(model, 3), AnalyzeOptions()).layers
    assert layer.ops == ("one", "two")


def test_several_inputs_and_outputs() -> None:
    b = Builder(1)
    p, q = b.input("left", 1, 6), b.input("right", 1, 6)
    one = b.op("FULLY_CONNECTED", [p, b.weights("w1", 6, 6)], "one", (1, 6), DENSE)
    two = b.op("FULLY_CONNECTED", [q, b.weights("w2", 6, 6)], "two", (1, 6), DENSE)
    both = b.op("ADD", [one, two], "both", (1, 6), options("AddOptions"))
    model = b.model(one, both)
    found = analyze(model, samples(model), AnalyzeOptions())
    assert [layer.name for layer in found.layers] == ["one", "two"]
    assert all(0 < layer.sqnr_db(Choice.INT8) < 80 for layer in found.layers)


def test_a_table_is_a_layer_and_its_columns_are_channels() -> None:
    model = text_net()
    table = layer_of(analyze(model, samples(model), AnalyzeOptions()), "words")
    assert (table.kind, table.channels, table.macs, table.input_facts) == ("GATHER", 16, 0, None)
    effect = table.effect(Choice.PRUNE_50)
    assert effect is not None and effect.macs_saved == 16  # half of what the dense layer reads


def test_a_matrix_product_of_activations_is_no_layer() -> None:
    b = Builder()
    p, q = b.input("p", 1, 4, 6), b.input("q", 1, 6, 4)
    made = b.op("BATCH_MATMUL", [p, q], "y", (1, 4, 4), options("BatchMatMulOptions"))
    model = b.model(
        b.op("BATCH_MATMUL", [made, b.weights("w", 1, 4, 3)], "z", (1, 4, 3), options("BatchMatMulOptions"))
    )
    (layer,) = analyze(model, samples(model), AnalyzeOptions()).layers
    assert layer.name == "z" and layer.input_facts is not None
    assert layer.effect(Choice.PRUNE_50) is None
    assert layer.sqnr_db(Choice.INT8) < 80


def test_weights_on_the_left_of_a_matrix_product() -> None:
    b = Builder()
    x = b.input("x", 1, 4, 3)
    model = b.model(b.op("BATCH_MATMUL", [b.weights("w", 1, 5, 4), x], "y", (1, 5, 3), options("BatchMatMulOptions")))
    (layer,) = analyze(model, samples(model), AnalyzeOptions()).layers
    assert layer.input_facts is not None and layer.input_facts.low < -1
    assert 10 < layer.sqnr_db(Choice.INT4) < layer.sqnr_db(Choice.INT8) < layer.sqnr_db(Choice.INT16X8)


def lstm(steps: int = 5, size: int = 4, units: int = 6) -> Model:
    """A fused recurrent layer with its state in variables -> dense."""
    b = Builder(4)
    x = b.input("x", 1, steps, size)
    gates = [b.weights(f"w{i}", units, size) for i in range(4)] + [b.weights(f"r{i}", units, units) for i in range(4)]
    biases = [b.weights(f"b{i}", units) for i in range(4)]
    states = [b.graph.add_tensor(Tensor(n, (1, units), DType.FLOAT32, is_variable=True)) for n in ("h", "c")]
    inputs = [x, *gates, None, None, None, *biases, None, None, *states, None, None, None, None]
    made = options("UnidirectionalSequenceLSTMOptions", fusedActivationFunction=4)
    y = b.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, "lstm", (1, steps, units), made)
    flat = b.op("RESHAPE", [y, b.constant("shape", [1, steps * units], DType.INT32)], "flat", (1, steps * units))
    return b.model(b.op("FULLY_CONNECTED", [flat, b.weights("w", 3, steps * units)], "y", (1, 3), DENSE))


def test_a_recurrent_layer_starts_anew_with_each_sample() -> None:
    model = lstm()
    feeds = samples(model, 6)
    found = analyze(model, feeds, AnalyzeOptions(calibration=CalibrateOptions(samples=6)))
    layer = layer_of(found, "lstm")
    assert layer.weight_bytes == 4 * 4 * (6 * 4 + 6 * 6)
    assert layer.effect(Choice.PRUNE_50) is None and layer.channels == 6
    assert layer.effect(Choice.INT4) is not None and layer.sqnr_db(Choice.INT4) == math.inf  # no kernel: not tried
    other = model.clone()
    for tensor in other.main.ops[0].inputs[1:9]:
        assert tensor is not None and tensor.data is not None
        tensor.set_data(tensor.data.astype(np.float16).astype(np.float32))
    expected = [_sqnr_of_one(model, other, feed) for feed in feeds.arrays]
    signal, noise = (sum(part) for part in zip(*expected, strict=True))
    assert layer.sqnr_db(Choice.FLOAT16) == pytest.approx(10 * math.log10(signal / noise))


def _sqnr_of_one(model: Model, other: Model, feed: dict[str, Any]) -> tuple[float, float]:
    """Powers of signal and error, each in a runtime that has seen nothing before."""
    a = LiteRT(write(model)).run(feed)["y"].astype(np.float64)
    b = LiteRT(write(other)).run(feed)["y"].astype(np.float64)
    return float(np.square(a).sum()), float(np.square(b - a).sum())


def test_memory_is_bounded_and_does_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    model = conv_net()
    feeds = samples(model, 12)
    whole = analyze(model, feeds, AnalyzeOptions())
    monkeypatch.setattr(module, "HELD_BYTES", 3 * (2 * frontier_bytes(model.main) + 40))
    counted = _Counted(feeds)
    assert analyze(model, counted, AnalyzeOptions()).to_json() == whole.to_json()
    assert 3 <= counted.most <= 4  # a block, and the sample that is being read


class _Counted:
    """Samples that know how many of them are alive."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self._given: list[weakref.ref[Any]] = []
        self.most = 0

    @property
    def count(self) -> int:
        return self._feeds.count

    def feeds(self, limit: int | None) -> Iterator[dict[str, Any]]:
        for feed in self._feeds.feeds(limit):
            copied = {name: values.copy() for name, values in feed.items()}
            self._given += [weakref.ref(values) for values in copied.values()]
            self.most = max(self.most, sum(given() is not None for given in self._given))
            yield copied


class _Interrupting:
    """Progress that ends the work, as Ctrl-C does, after so many steps of one stage."""

    def __init__(self, stage: str, steps: int) -> None:
        self._stage, self._left = stage, steps
        self._now = ""

    def start(self, label: str, total: int | None) -> None:
        self._now = label

    def advance(self, steps: int = 1) -> None:
        if self._now == self._stage:
            self._left -= steps
            if not self._left:
                raise KeyboardInterrupt

    def finish(self) -> None:
        self._now = ""


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_an_interrupted_analysis_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    model = conv_net()
    feeds = samples(model, 4)
    monkeypatch.setattr(module, "HELD_BYTES", 2 * (2 * frontier_bytes(model.main) + 40))  # two blocks
    whole = analyze(model, feeds, AnalyzeOptions())
    stopped = Setting(samples=feeds, workspace=tmp_path / "w", progress=_Interrupting("analyzing layers", steps))
    with pytest.raises(KeyboardInterrupt):
        analyze_in(model, AnalyzeOptions(), stopped)
    assert len(list((tmp_path / "w" / "analysis").iterdir())) == min(steps, 3)
    assert analyze_in(model, AnalyzeOptions(), Setting(samples=feeds, workspace=tmp_path / "w")) == whole


def test_only_what_is_wanted_is_tried() -> None:
    model = conv_net()
    found = analyze(model, samples(model, 2), AnalyzeOptions(choices=(Choice.PRUNE_50, Choice.INT8)))
    assert found.choices == (Choice.INT8, Choice.PRUNE_50)
    assert [e.choice for e in found.layers[0].effects] == [Choice.INT8, Choice.PRUNE_50]
    assert found.passes < 8


def test_only_so_many_samples_are_run() -> None:
    model = two_inputs()
    assert analyze(model, samples(model, 20), AnalyzeOptions(samples=5)).samples == 5


def test_the_same_inputs_give_the_same_analysis_and_the_model_is_left_alone() -> None:
    model = conv_net()
    before, feeds = write(model), samples(model, 4)
    first = analyze(model, feeds, AnalyzeOptions(), load_target("local"))
    assert analyze(model, feeds, AnalyzeOptions(), load_target("local")) == first
    assert write(model) == before


def test_json_gives_it_back() -> None:
    model = scaled_by(127.0)
    found = analyze(model, integers(), EXTREMES, load_target("raspberry-pi-4"))
    text = json.dumps(found.to_json(), allow_nan=False)
    assert Analysis.from_json(json.loads(text)) == found


def test_a_quantized_model_is_refused() -> None:
    model = conv_net()
    step = STEPS.load("quantize")
    plan = step.plan(model, QuantizeOptions(scheme=Scheme.INT8), Setting(samples=samples(model)))
    with pytest.raises(ModelError, match="quantized already"):
        analyze(step.apply(model, plan), samples(model), AnalyzeOptions())


def test_a_model_without_weights_is_refused() -> None:
    b = Builder()
    x = b.input("x", 1, 4)
    model = b.model(b.op("RELU", [x], "y", (1, 4)))
    with pytest.raises(ModelError, match="nothing to analyze"):
        analyze(model, samples(model), AnalyzeOptions())


def test_no_samples_are_refused() -> None:
    with pytest.raises(DatasetError, match="no samples"):
        analyze(conv_net(), Feeds(()), AnalyzeOptions())


def test_what_the_target_cannot_run_is_not_tried() -> None:
    model = conv_net()
    found = analyze(model, samples(model, 2), AnalyzeOptions(), load_target("raspberry-pi-pico-2"))
    half = found.layers[0].effect(Choice.FLOAT16)
    assert half is not None and half.level is Level.CANNOT and half.sqnr_db is None and half.noise is None
    assert Choice.FLOAT16 not in found.choices
    assert found.layers[0].sqnr_db(Choice.FLOAT16) == math.inf
    assert any("float16 cannot run in 3 layers" in text for text in findings(found))


def test_slow_kernels_are_named_with_their_reason() -> None:
    model = conv_net()
    found = analyze(model, samples(model, 2), AnalyzeOptions(), load_target("raspberry-pi-4"))
    text = next(t for t in findings(found) if t.startswith("int16x8"))
    assert "has no fast kernel in 3 layers, where float has one" in text
    assert "reference kernels" in text


def test_what_an_output_is() -> None:
    model = conv_net()
    assert reading_of(model.main, model.main.outputs[0]) is Reading.PROBABILITIES
    scores = text_net()
    assert reading_of(scores.main, scores.main.outputs[0]) is Reading.SCORES
    same = scaled_by(1.0)
    assert reading_of(same.main, same.main.outputs[0]) is Reading.VALUES
    b = Builder()
    x = b.input("x", 1, 4)
    y = b.op("FULLY_CONNECTED", [x, b.weights("w", 1, 4)], "y", (1, 1), DENSE)
    model = b.model(b.op("LOGISTIC", [y], "z", (1, 1)))
    assert reading_of(model.main, model.main.outputs[0]) is Reading.CHANCE


def test_agreement_and_divergence_of_known_probabilities() -> None:
    errors = Errors({"p": Reading.PROBABILITIES})
    p, q = np.array([[0.75, 0.25]]), np.array([[0.25, 0.75]])
    errors.add({"p": p}, {"p": p})
    errors.add({"p": p}, {"p": q})
    worst = errors.worst()
    assert worst.agreement == 0.5
    assert worst.kl_nats == pytest.approx(0.5 * 0.5 * math.log(3))
    assert worst.sqnr_db == pytest.approx(10 * math.log10(1.25 / 0.5))


def test_scores_and_chances_are_read_as_probabilities() -> None:
    scores, chance = Errors({"s": Reading.SCORES}), Errors({"c": Reading.CHANCE})
    scores.add({"s": np.log([[0.75, 0.25]]) + 7}, {"s": np.log([[0.25, 0.75]]) - 3})
    chance.add({"c": np.array([[0.25]])}, {"c": np.array([[0.75]])})
    for errors in (scores, chance):
        assert errors.worst().agreement == 0
        assert errors.worst().kl_nats == pytest.approx(0.5 * math.log(3))


def test_the_worst_output_counts() -> None:
    errors = Errors({"a": Reading.VALUES, "b": Reading.VALUES})
    one = np.ones((1, 4))
    errors.add({"a": one, "b": one}, {"a": one, "b": one * 1.1})
    assert errors.worst().sqnr_db == pytest.approx(20)
    assert errors.worst().agreement is None
    assert Errors({}).worst().sqnr_db == math.inf
