"""The oracle on real models: those of the shared data that are .tflite, and imported ones where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgekit.compress.prune.coupling import couple
from edgekit.graph.codec import read
from edgekit.graph.cost import model_macs
from edgekit.graph.model import Model
from edgekit.runtime.litert import Kernels
from tests.shared_data import shared
from tests.unit.compress.prune.oracle import assert_cut_is_silence, assert_same, free, some_units, zero_at_origin

FILES = {
    "ad01": "models/mlperf_tiny/ad01_fp32.tflite",
    "kws": "models/mlperf_tiny/kws_ref_model_true_float.tflite",
    "resnet8": "models/mlperf_tiny/pretrainedResnet.tflite",
    "vww": "models/mlperf_tiny/vww_96_float.tflite",
    "mobilenet_v1_025": "models/mobilenet_v1_025/mobilenet_v1_0.25_224_1_default_1.tflite",
}
INTEGERS = {
    "ad01_int8": "models/mlperf_tiny/ad01_int8.tflite",
    "kws_int8": "models/mlperf_tiny/kws_ref_model.tflite",
    "resnet8_int8": "models/mlperf_tiny/pretrainedResnet_quant.tflite",
    "vww_int8": "models/mlperf_tiny/vww_96_int8.tflite",
}
# Written by the benchmarks' importer: <case>/float.tflite.
IMPORTED = Path(os.environ.get("EDGEKIT_IMPORTED") or Path(__file__).resolve().parents[5] / "assets")
CASES = ("str_ww", "fsdd_dscnn", "sst2_encoder", "cifar_mnv2", "cifar_resnet_onnx")


def load(name: str) -> Model:
    path = shared(FILES[name]) if name in FILES else IMPORTED / name / "float.tflite"
    if not path.exists():
        pytest.skip(f"{name}: not imported here (set EDGEKIT_IMPORTED)")
    return read(path.read_bytes())


@pytest.mark.parametrize("name", [*FILES, *CASES])
def test_a_cut_is_silence(name: str) -> None:
    model = load(name)
    small = assert_cut_is_silence(model)
    assert model_macs(small) < model_macs(model)


@pytest.mark.parametrize("name", INTEGERS)
def test_a_cut_is_silence_in_integers(name: str) -> None:
    assert_cut_is_silence(read(shared(INTEGERS[name]).read_bytes()))


@pytest.mark.parametrize("name", [*FILES, *CASES])
def test_a_cut_is_channels_at_zero_where_they_are_made(name: str) -> None:
    """All of these models leave a zero a zero between where a channel is made and where it is read."""
    model = load(name)
    assert_same(model, zero_at_origin, some_units(free(model), seed=5), Kernels.BUILTIN)


def test_residual_adds_of_resnet8_couple() -> None:
    made = {g.name.split("/")[1].split(";")[0]: g for g in couple(load("resnet8")) if not g.pinned}
    makers = [len({p.op for p in g.parts if p.role.value == "produces"}) for g in made.values()]
    assert [g.units for g in made.values()] == [16, 16, 32, 32, 64, 64]
    assert makers == [2, 1, 1, 2, 1, 2]


def test_heads_of_the_text_model() -> None:
    groups = [g for g in couple(load("sst2_encoder")) if not g.pinned]
    assert [g.units for g in groups] == [128, 4, 256]  # words' vectors, heads, hidden layer
    assert {p.places.shape for p in groups[1].parts if p.role.value == "produces"} == {(4, 32)}


def test_layer_norm_pins_the_stream_of_the_text_model() -> None:
    pinned = [g for g in couple(load("sst2_encoder")) if g.units == 128 and g.pinned]
    assert len(pinned) == 1
    assert "MEAN" in pinned[0].pinned
