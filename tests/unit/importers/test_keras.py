"""Keras files: what is converted, and what is refused before anything of it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import ModelError
from edgekit.core.progress import Silent
from edgekit.importers.base import Imported, ImportOptions
from edgekit.importers.registry import import_model, pick
from tests.shared_data import shared

pytest.importorskip("h5py", reason="needs the keras extra")
keras_files = pytest.importorskip("tests.unit.importers.keras_files")
layer, sequential = keras_files.layer, keras_files.sequential
pytestmark = pytest.mark.keras


def load(path: Path, **shapes: tuple[int, ...]) -> Imported:
    return import_model(path, ImportOptions(input_shapes=shapes, timeout_s=120), Silent())


def refusal(path: Path, options: ImportOptions | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        import_model(path, options or ImportOptions(timeout_s=120), Silent())
    assert "\n" not in caught.value.message
    assert str(path) in caught.value.message
    return caught.value


LAMBDA = layer("Lambda", "double", function=["4wEAAAAAAAAAAAAAAA==", None, None], function_type="lambda")


def test_a_lambda_layer_is_refused_with_reason_and_flag(tmp_path: Path) -> None:
    config = sequential(layer("InputLayer", "in", batch_input_shape=[None, 4]), LAMBDA)
    write = {"m.h5": keras_files.write_h5, "m.keras": keras_files.write_keras}
    for name, write_file in write.items():
        path = write_file(tmp_path / name, config)
        error = refusal(path)
        reason = "layer 'double' is a Lambda layer, which is Python code"
        assert error.message == f"{path} would run code of its own: {reason}"
        assert error.hint == "if you trust whoever made the file: --allow-unsafe"


def test_a_custom_layer_is_refused_and_no_flag_is_offered(tmp_path: Path) -> None:
    custom = layer("Swish", "s") | {"module": None, "registered_name": "mine>Swish"}
    error = refusal(keras_files.write_keras(tmp_path / "m.keras", sequential(custom)), ImportOptions(allow_unsafe=True))
    assert "layer 's' is of the class mine>Swish, whose code is not in the file" in error.message
    assert "model.export(folder)" in error.hint


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("", "m.h5 is damaged: Expecting value"),
        ("{", "m.h5 is damaged: Expecting property name"),
        ("[" * 100_000, "m.h5 is damaged: its configuration is nested too deeply"),
        ("null", "Expected a dictionary containing a 'config' key"),
        ('{"class_name": "Sequential"}', "Expected a dictionary containing a 'config' key"),
    ],
    ids=["empty", "open", "deep", "null", "no layers"],
)
def test_a_damaged_configuration_is_one_sentence(tmp_path: Path, config: str, reason: str) -> None:
    assert reason in refusal(keras_files.write_h5(tmp_path / "m.h5", config)).message


def test_a_file_of_weights_only_says_so(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "w.h5", "w") as file:
        file["layer/kernel"] = np.zeros(3)
    assert refusal(tmp_path / "w.h5").message.endswith("holds no Keras model, at most its weights")


@pytest.mark.parametrize("keep", [8, 100, 600, 1500])
def test_truncated_hdf5_is_one_sentence(tmp_path: Path, keep: int) -> None:
    path = keras_files.write_h5(tmp_path / "m.h5", sequential(layer("Dense", "d", units=3)))
    path.write_bytes(path.read_bytes()[:keep])
    assert "m.h5 is damaged: " in refusal(path).message


@pytest.mark.parametrize("keep", [4, 100, 400])
def test_truncated_archive_is_one_sentence(tmp_path: Path, keep: int) -> None:
    path = keras_files.write_keras(tmp_path / "m.keras", sequential(layer("Dense", "d", units=3)))
    path.write_bytes(path.read_bytes()[:keep])
    assert "zip archive that is damaged" in refusal(path).message


def test_a_flipped_bit_in_the_archive_is_found_by_its_checksum(tmp_path: Path) -> None:
    path = keras_files.write_keras(tmp_path / "m.keras", sequential(layer("Dense", "d", units=3)))
    data = bytearray(path.read_bytes())
    data[data.index(b'"units"') + 2] ^= 1
    path.write_bytes(data)
    assert "config.json has a wrong checksum" in refusal(path).message


def test_a_zip_that_is_no_keras_file(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ModelError, match="zip archive that is damaged or holds neither a Keras model"):
        pick(path)


def test_a_model_of_the_keras_2_era_is_converted_and_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    config = sequential(
        layer("InputLayer", "image", batch_input_shape=[None, 6, 6, 3], sparse=False, ragged=False),
        layer("DepthwiseConv2D", "dw", kernel_size=[3, 3], groups=1, use_bias=False),
        layer("Flatten", "flat"),
        layer("Dense", "scores", units=2, activation="softmax"),
    )
    weights = {
        "image": {},
        "dw": {"dw/depthwise_kernel:0": rng.standard_normal((3, 3, 3, 1)).astype("f")},
        "flat": {},
        "scores": {"scores/kernel:0": rng.standard_normal((48, 2)).astype("f"), "scores/bias:0": np.zeros(2, "f")},
    }
    imported = load(keras_files.write_h5(tmp_path / "m.h5", config, weights))
    inputs, outputs = imported.model.inputs(), imported.model.outputs()
    assert [(p.name, p.tensor.name, p.tensor.shape) for p in inputs] == [("image", "image", (1, 6, 6, 3))]
    assert [(p.name, p.tensor.name, p.tensor.shape) for p in outputs] == [("scores", "scores", (1, 2))]
    assert imported.report.max_rel_difference is not None
    assert imported.report.max_rel_difference < 1e-6  # float32 rounding: 1.2e-7 for each sum
    assert "the open batch was fixed to 1" in imported.report.notes
    assert imported.report.versions.keys() == {"edgekit", "keras", "tensorflow"}


def test_an_open_dimension_asks_for_the_flag_and_takes_it(tmp_path: Path) -> None:
    config = sequential(
        layer("InputLayer", "image", batch_input_shape=[None, None, None, 3]),
        layer("GlobalAveragePooling2D", "mean"),
    )
    path = keras_files.write_h5(tmp_path / "m.h5", config, {"image": {}, "mean": {}})
    with pytest.raises(ModelError, match="--input-shape image=1,") as caught:
        load(path)
    assert caught.value.message == "input image has the open shape (?, ?, ?, 3)"
    assert load(path, image=(2, 8, 4, 3)).model.inputs()[0].tensor.shape == (2, 8, 4, 3)
    with pytest.raises(ModelError, match="does not fit input image"):
        load(path, image=(1, 8, 8, 4))
    with pytest.raises(ModelError, match="for an input called 'picture'; the model has image"):
        load(path, picture=(1, 8, 8, 3))


@pytest.mark.parametrize(
    "name",
    ["own/sst2_encoder.keras", "mlperf_tiny/vww_96_noopt.h5", "mlperf_tiny/ad01_noopt.h5"],
)
def test_real_models_convert_to_plain_operators(name: str) -> None:
    imported = load(shared(f"models/{name}"))
    kinds = {op.kind for op in imported.model.main.ops}
    assert not kinds & {"CUSTOM", "SHAPE", "STRIDED_SLICE", "PACK"}
    assert imported.report.max_rel_difference is not None
    assert imported.report.max_rel_difference < 1e-5  # a hundred roundings of float32
