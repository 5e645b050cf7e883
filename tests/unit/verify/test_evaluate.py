"""Evaluation: small chains whose answers are known, and real models whose accuracy is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest

from edgekit.core.errors import DatasetError, ModelError, UsageError
from edgekit.core.progress import Silent
from edgekit.runtime.litert import Kernels
from edgekit.verify.evaluate import EvaluateOptions, evaluate
from edgekit.verify.outputs import FloatOutputs, float_outputs
from edgekit.verify.scorers import IouScorer
from edgekit.verify.verification import Metric, On, Verification
from tests.shared_data import shared
from tests.unit.verify.small_models import Sample, float_chain, int8_chain

EYE = np.eye(3)
SWAPPED = EYE[[1, 0, 2]]
PLAIN = EvaluateOptions()


def one_hot_feeds(labelled: bool = True) -> list[Sample]:
    """Nine samples: class 0, 1, 2, 0, …"""
    return [Sample({"x": EYE[[i % 3]].astype(np.float32)}, i % 3 if labelled else None) for i in range(9)]


def test_top1_of_both_and_the_paired_difference() -> None:
    result = evaluate(float_chain(EYE), float_chain(SWAPPED), one_hot_feeds(), PLAIN, Silent())
    assert (result.metric, result.unit, result.on, result.sample_count) == (Metric.TOP1, "%", On.EVALUATION, 9)
    assert (result.float_value.value, result.float_value.high) == (100.0, 100.0)
    assert result.result_value.value == pytest.approx(100 / 3, rel=1e-15)
    assert result.difference.value == pytest.approx(-200 / 3, rel=1e-15)
    assert result.drop_points == -result.difference.value
    assert result.drop_interval is not None and result.drop_interval.low == -result.difference.high
    assert result.p_value == 2 / 64
    assert result.agreement is not None and result.agreement.value == result.result_value.value
    assert "9 samples" in result.note


def test_without_labels_the_float_model_is_the_label() -> None:
    result = evaluate(float_chain(EYE[:2]), float_chain(SWAPPED[:2]), one_hot_feeds(False), PLAIN, Silent())
    assert (result.metric, result.on) == (Metric.AGREEMENT, On.CALIBRATION)
    assert result.float_value.value == 100.0
    assert result.result_value == result.agreement
    assert result.drop_points == pytest.approx(200 / 3, rel=1e-15)
    assert result.p_value is None
    assert result.difference.high == result.result_value.high - 100 < 0
    assert result.note.startswith("No labels")


def test_labels_of_calibration_samples_are_not_looked_at() -> None:
    feeds = [Sample(f.inputs, 1) for f in one_hot_feeds()]
    result = evaluate(float_chain(EYE), float_chain(EYE), feeds, EvaluateOptions(Metric.TOP5, On.CALIBRATION), Silent())
    assert (result.metric, result.result_value.value) == (Metric.AGREEMENT, 100.0)


def test_a_model_as_wide_as_its_input_is_no_classifier_without_labels() -> None:
    result = evaluate(float_chain(EYE), float_chain(2 * EYE), one_hot_feeds(False), PLAIN, Silent())
    assert (result.metric, result.unit, result.drop_points, result.agreement) == (Metric.RMSE, "", None, None)
    assert result.float_value.value == 0.0
    assert result.result_value.value == pytest.approx(math.sqrt(1 / 3), rel=1e-15)


def test_identical_models_differ_by_nothing() -> None:
    model = float_chain(EYE)
    result = evaluate(model, model, one_hot_feeds(), PLAIN, Silent())
    assert (result.sqnr_db, result.cosine, result.outputs[0].max_abs) == (math.inf, 1.0, 0.0)
    assert result.difference.value == 0.0 and result.difference.high > 0
    assert Verification.from_json(json.loads(json.dumps(result.to_json(), allow_nan=False))) == result


def test_sqnr_is_that_of_all_samples_together() -> None:
    feeds = [Sample({"x": np.full((1, 1), v, np.float32)}, 0) for v in (1.0, 3.0)]
    options = EvaluateOptions(Metric.RMSE)
    result = evaluate(float_chain(np.ones((1, 1))), float_chain(np.full((1, 1), 1.5)), feeds, options, Silent())
    assert result.sqnr_db == 10 * math.log10(4)
    assert result.outputs[0].sqnr_db.low <= result.sqnr_db <= result.outputs[0].sqnr_db.high
    assert (result.outputs[0].max_abs, result.cosine) == (1.5, 1.0)
    assert result.float_value.value == math.sqrt((1 + 9) / 2)
    assert result.result_value.value == math.sqrt((1.5**2 + 4.5**2) / 2)


def test_integers_are_compared_as_real_numbers() -> None:
    step = 1 / 127
    integer = int8_chain((step, step), EYE)
    for kernels in Kernels:
        options = EvaluateOptions(kernels=kernels)
        result = evaluate(float_chain(EYE), integer, one_hot_feeds(), options, Silent())
        assert (result.result_value.value, result.kernels) == (100.0, kernels.value)
        assert result.sqnr_db > 100  # 127 steps of 1/127 are 1 but for the rounding of float32


def test_stored_float_outputs_give_the_same_verification() -> None:
    model, result_model = float_chain(EYE), float_chain(SWAPPED)
    stored = FloatOutputs.from_bytes(float_outputs(model, one_hot_feeds(), 9, Silent()).to_bytes())
    assert stored.count == 9
    direct = evaluate(model, result_model, one_hot_feeds(), PLAIN, Silent())
    assert evaluate(stored, result_model, one_hot_feeds(), PLAIN, Silent()) == direct


def test_stored_float_outputs_are_the_same_bytes_every_time() -> None:
    first, second = (float_outputs(float_chain(EYE), one_hot_feeds(), 9, Silent()).to_bytes() for _ in range(2))
    assert first == second


def test_damaged_float_outputs_are_refused() -> None:
    data = float_outputs(float_chain(EYE), one_hot_feeds(), 9, Silent()).to_bytes()
    for bad in (b"", data[:-40], data[:60], data.replace(b"kernels", b"kernelz")):
        with pytest.raises(ModelError, match="stored float outputs are damaged"):
            FloatOutputs.from_bytes(bad)


def test_too_few_stored_outputs_are_noticed() -> None:
    stored = float_outputs(float_chain(EYE), one_hot_feeds()[:3], 3, Silent())
    with pytest.raises(UsageError, match="end after 3 samples"):
        evaluate(stored, float_chain(EYE), one_hot_feeds(), PLAIN, Silent())


@pytest.mark.parametrize(
    ("label", "message"),
    [(7, "label 7 is outside"), (-1, "label -1 is outside"), (np.array([1, 1, 0]), "names no single class")],
)
def test_a_label_that_fits_no_class_is_refused(label: object, message: str) -> None:
    feeds = [Sample({"x": EYE[[0]].astype(np.float32)}, label)]
    with pytest.raises(DatasetError, match=message):
        evaluate(float_chain(EYE), float_chain(EYE), feeds, EvaluateOptions(Metric.TOP1), Silent())


def test_a_one_hot_label_is_its_class() -> None:
    feeds = [Sample({"x": EYE[[i]].astype(np.float32)}, EYE[i]) for i in range(3)]
    result = evaluate(float_chain(EYE), float_chain(EYE), feeds, EvaluateOptions(Metric.TOP1), Silent())
    assert result.float_value.value == 100.0


def test_no_samples_is_an_error() -> None:
    with pytest.raises(DatasetError, match="no samples"):
        evaluate(float_chain(EYE), float_chain(EYE), [], PLAIN, Silent())


def test_a_label_missing_in_the_middle_is_named() -> None:
    feeds = [*one_hot_feeds()[:2], Sample(one_hot_feeds()[2].inputs)]
    with pytest.raises(DatasetError, match="sample 2 has no label"):
        evaluate(float_chain(EYE), float_chain(EYE), feeds, PLAIN, Silent())


def test_an_output_that_is_no_number_is_named() -> None:
    feeds = [Sample({"x": np.full((1, 3), np.nan, np.float32)}, 0)]
    with pytest.raises(ModelError, match="layer0 is not a number"):
        evaluate(float_chain(EYE), float_chain(EYE), feeds, PLAIN, Silent())


def test_outputs_of_another_size_are_refused() -> None:
    with pytest.raises(ModelError, match="became one of shape"):
        evaluate(float_chain(EYE), float_chain(EYE[:2]), one_hot_feeds(), PLAIN, Silent())


def test_an_unknown_output_is_named() -> None:
    with pytest.raises(UsageError, match="no output 'y'"):
        evaluate(float_chain(EYE), float_chain(EYE), one_hot_feeds(), EvaluateOptions(output="y"), Silent())


def test_auc_with_its_interval() -> None:
    feeds = [Sample({"x": np.array([[v]], np.float32)}, label) for v, label in ((1, 0), (2, 1), (3, 0), (4, 1))]
    one, minus = np.ones((1, 1)), -np.ones((1, 1))
    result = evaluate(float_chain(one), float_chain(minus), feeds, EvaluateOptions(Metric.AUC), Silent())
    assert (result.float_value.value, result.result_value.value, result.difference.value) == (75.0, 25.0, -50.0)
    assert 0 <= result.float_value.low <= 75 <= result.float_value.high <= 100


def test_miou_of_class_maps() -> None:
    """Four pixels, truth 0 0 1 1: the float model has all, the result calls the second one 1."""
    truth, wrong = np.array([[0, 0], [1, 1]]), np.array([[0, 1], [1, 1]])
    iou = IouScorer()
    for _ in range(2):
        iou.add(np.eye(2)[truth], np.eye(2)[wrong], truth, np.ones(1000))
    scores = iou.finish()
    assert scores.float_value.value == 1.0
    assert scores.result_value.value == (1 / 2 + 2 / 3) / 2
    assert scores.difference.low == scores.difference.value == scores.difference.high


def test_a_label_map_of_another_size_is_refused() -> None:
    with pytest.raises(DatasetError, match="a label has 1 elements, the model's output has 4"):
        IouScorer().add(np.zeros((2, 2, 3)), np.zeros((2, 2, 3)), np.array([0]), np.ones(1000))


def test_samples_are_streamed() -> None:
    alive = 0
    most = 0

    class Watched(dict[str, np.ndarray]):
        def __init__(self) -> None:
            nonlocal alive, most
            super().__init__(x=EYE[[0]].astype(np.float32))
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def feeds() -> Iterator[Sample]:
        for _ in range(50):
            yield Sample(Watched(), 0)

    result = evaluate(float_chain(EYE), float_chain(EYE), feeds(), PLAIN, Silent())
    assert result.sample_count == 50
    assert most <= 3


def cifar_feeds(name: str) -> list[Sample]:
    data = np.load(shared("cifar10/cifar10_small_uint8.npz"))
    pairs = zip(data["test_x"], data["test_y"], strict=True)
    return [Sample({name: x[None].astype(np.float32)}, int(y)) for x, y in pairs]


def test_resnet8_and_its_int8_have_their_known_accuracy() -> None:
    original = shared("models/mlperf_tiny/pretrainedResnet.tflite").read_bytes()
    integer = shared("models/mlperf_tiny/pretrainedResnet_quant.tflite").read_bytes()
    result = evaluate(original, integer, cifar_feeds("input_1"), PLAIN, Silent())
    assert (round(result.float_value.value, 2), round(result.result_value.value, 2)) == (75.67, 75.0)
    assert (result.sample_count, result.metric) == (300, Metric.TOP1)
    assert result.difference.low < 0 < result.difference.high
    assert result.p_value is not None and result.p_value > 0.5
