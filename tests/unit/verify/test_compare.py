"""Layer by layer: the layer that errs is the one that is found."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edgekit.core.errors import DatasetError, ModelError
from edgekit.core.progress import Silent
from edgekit.runtime.litert import Kernels
from edgekit.verify.compare import CompareOptions, Comparison, compare_models, introduced_db
from edgekit.verify.match import MatchedBy
from tests.shared_data import shared
from tests.unit.verify.small_models import Sample, float_chain, int8_chain

EYE = np.eye(4)
PLAIN = CompareOptions()
FEEDS = [Sample({"x": np.array([[v, 1, -1, 0.5]], np.float32)}) for v in (1.0, -0.5, 0.25)]


def test_the_first_layer_that_errs_is_found() -> None:
    damaged = EYE.copy()
    damaged[0, 0] = 0.5
    a, b = float_chain(EYE, EYE, EYE), float_chain(EYE, damaged, EYE)
    comparison = compare_models(a, b, FEEDS, PLAIN, Silent())
    assert [layer.sqnr_db == math.inf for layer in comparison.layers] == [True, False, False]
    first = comparison.first_drop()
    assert first is not None and first.tensor_a == "layer1"
    last = comparison.layers[2]
    assert last.sqnr_db == last.inherited_db == first.sqnr_db
    assert (last.introduced_db, last.drop_db) == (math.inf, 0.0)
    assert comparison.worst(1) == (first,)


def test_the_error_is_that_of_all_samples() -> None:
    comparison = compare_models(float_chain(EYE), float_chain(EYE * 1.5), FEEDS, PLAIN, Silent())
    (layer,) = comparison.layers
    values = np.concatenate([f.inputs["x"] for f in FEEDS])
    assert layer.mse == float(np.mean(np.square(values / 2)))
    assert (layer.max_abs, layer.cosine, comparison.sample_count) == (0.5, 1.0, 3)
    assert layer.sqnr_db == 10 * np.log10(4)
    assert layer.weight_bytes_a == layer.weight_bytes_b == 64


@pytest.mark.parametrize("kernels", [Kernels.BUILTIN, Kernels.REFERENCE])
def test_integers_against_floats(kernels: Kernels) -> None:
    integer = int8_chain((1 / 127, 1 / 127, 1 / 3), EYE, EYE)
    options = CompareOptions(kernels_b=kernels)
    comparison = compare_models(float_chain(EYE, EYE), integer, FEEDS, options, Silent())
    fine, coarse = comparison.layers
    assert (fine.dtype_a, fine.dtype_b, fine.weight_bytes_a, fine.weight_bytes_b) == ("float32", "int8", 64, 16)
    assert fine.sqnr_db > 40 and fine.inherited_db > 40
    assert coarse.inherited_db == fine.sqnr_db
    assert coarse.max_abs == pytest.approx(1 / 6, abs=1 / 100)
    assert comparison.first_drop() == coarse
    assert comparison.kernels_b == kernels.value


def test_layers_of_other_names_are_matched_by_place() -> None:
    renamed = float_chain(EYE, EYE).replace(b"layer", b"other")
    comparison = compare_models(float_chain(EYE, EYE), renamed, FEEDS, PLAIN, Silent())
    assert [(x.tensor_a, x.tensor_b, x.matched_by) for x in comparison.layers] == [
        ("layer0", "other0", MatchedBy.ORDER),
        ("layer1", "other1", MatchedBy.ORDER),
    ]
    assert all(x.sqnr_db == math.inf for x in comparison.layers)


def test_layers_that_only_one_has_are_named() -> None:
    comparison = compare_models(float_chain(EYE, EYE[:2]), float_chain(EYE), FEEDS, PLAIN, Silent())
    assert (comparison.only_a, comparison.only_b) == (("layer1",), ())
    assert [layer.tensor_a for layer in comparison.layers] == ["layer0"]


def test_json_both_ways() -> None:
    comparison = compare_models(float_chain(EYE), float_chain(EYE), FEEDS, PLAIN, Silent())
    text = json.dumps(comparison.to_json(), allow_nan=False)
    assert Comparison.from_json(json.loads(text)) == comparison


def test_no_samples_and_nothing_in_common() -> None:
    with pytest.raises(DatasetError, match="no samples"):
        compare_models(float_chain(EYE), float_chain(EYE), [], PLAIN, Silent())
    with pytest.raises(ModelError, match="no layer in common"):
        compare_models(float_chain(EYE), float_chain(EYE[:2]), FEEDS, PLAIN, Silent())


def test_independent_errors_add_as_powers() -> None:
    # Noise of 1 % in, 2 % out: half of it is the layer's own. One rounding of log10.
    assert introduced_db(-10 * math.log10(0.02), 20.0) == pytest.approx(20.0, abs=1e-12)
    assert introduced_db(20.0, math.inf) == pytest.approx(20.0, abs=1e-12)
    assert introduced_db(30.0, 20.0) == math.inf
    assert introduced_db(-math.inf, 20.0) == -math.inf


def test_resnet8_is_matched_whole() -> None:
    data = np.load(shared("cifar10/cifar10_small_uint8.npz"))["test_x"][:8]
    a = shared("models/mlperf_tiny/pretrainedResnet.tflite").read_bytes()
    b = shared("models/mlperf_tiny/pretrainedResnet_quant.tflite").read_bytes()
    feeds = [Sample({"input_1": x[None].astype(np.float32)}) for x in data]
    comparison = compare_models(a, b, feeds, PLAIN, Silent())
    assert len(comparison.layers) == 16 and comparison.only_a == comparison.only_b == ()
    assert all(layer.sqnr_db > 8 for layer in comparison.layers)
    assert sum(x.weight_bytes_b for x in comparison.layers) < 0.3 * sum(x.weight_bytes_a for x in comparison.layers)
