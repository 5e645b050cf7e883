"""TFLite files: old ones mended, foreign operators named, damaged ones survived."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import EdgekitError, ModelError
from edgekit.core.process import JsonCall
from edgekit.core.progress import Silent
from edgekit.graph.codec import write
from edgekit.importers import tflite
from edgekit.importers.base import ImportOptions, refuse_custom_operators
from edgekit.importers.conversion import name_ports
from edgekit.importers.registry import import_model
from tests.shared_data import shared
from tests.unit.importers.tflite_files import custom, relu

OPTIONS = ImportOptions(timeout_s=60)


def file_of(folder: Path, data: bytes) -> Path:
    path = folder / "m.tflite"
    path.write_bytes(data)
    return path


def test_a_file_without_signature_gets_one_and_computes_the_same(tmp_path: Path) -> None:
    imported = import_model(file_of(tmp_path, write(relu())), OPTIONS, Silent())
    assert [port.name for port in imported.model.inputs()] == ["x"]
    assert len(imported.model.signatures) == 1
    assert imported.report.max_abs_difference == 0.0
    assert imported.report.sample_count == 4
    assert imported.report.notes == ("the file had no signature; one was made from its inputs and outputs",)


def test_given_samples_are_used(tmp_path: Path) -> None:
    sample = {"anything": np.ones((1, 4), np.float32)}
    options = ImportOptions(timeout_s=60, samples=(sample, sample))
    assert import_model(file_of(tmp_path, write(relu())), options, Silent()).report.sample_count == 2


@pytest.mark.parametrize(
    ("name", "owner"),
    [("FlexErf", "the kernels are in TensorFlow itself"), ("Mine", "the kernels are in an extra library")],
)
def test_custom_and_flex_operators_are_named(tmp_path: Path, name: str, owner: str) -> None:
    path = file_of(tmp_path, write(custom(name)))
    with pytest.raises(ModelError) as caught:
        import_model(path, OPTIONS, Silent())
    assert caught.value.message == f"{path} needs {name}, which no TFLite runtime has: {owner}"


def test_several_custom_operators_are_named_once_each(tmp_path: Path) -> None:
    model = custom("B")
    model.main.ops.extend(custom("A").main.ops + custom("B").main.ops)
    with pytest.raises(ModelError, match="needs A, B, which"):
        refuse_custom_operators(model, tmp_path)


def test_ports_take_the_signatures_names_where_they_are_free() -> None:
    model = relu()
    tflite_model = tflite.accept(write(model), Path("m"))[0]
    signature = tflite_model.signatures[0]
    signature.inputs = {"image": signature.inputs["x"]}
    signature.outputs = {"x": signature.outputs["y"]}
    name_ports(tflite_model)
    assert [tensor.name for tensor in (*tflite_model.main.inputs, *tflite_model.main.outputs)] == ["image", "y"]


def test_a_crash_of_the_runtime_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crash = tmp_path / "crash.py"
    crash.write_text("import os\ndef main(request, folder):\n    os.abort()\n")
    monkeypatch.setattr(tflite, "child_call", lambda *_: JsonCall("the LiteRT runtime", crash))
    with pytest.raises(ModelError, match=r"^the LiteRT runtime crashed \(SIGABRT\)$"):
        import_model(file_of(tmp_path, write(relu())), OPTIONS, Silent())


@pytest.mark.parametrize("keep", [8, 20, 100, 200])
def test_truncated_files_are_model_errors(tmp_path: Path, keep: int) -> None:
    with pytest.raises(ModelError):
        import_model(file_of(tmp_path, write(relu())[:keep]), OPTIONS, Silent())


def test_bit_flips_end_in_a_model_or_an_error_of_ours(tmp_path: Path) -> None:
    data = write(relu())
    rng = np.random.default_rng(3)
    ended = 0
    for _ in range(12):
        mutated = bytearray(data)
        at = int(rng.integers(8, len(data)))
        mutated[at] ^= 1 << int(rng.integers(8))
        try:
            import_model(file_of(tmp_path, bytes(mutated)), OPTIONS, Silent())
        except EdgekitError as error:
            assert error.exit_code == 3
            assert "\n" not in error.message
        ended += 1
    assert ended == 12


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("mobilenet_v1_025/mobilenet_v1_0.25_224_1_default_1.tflite", ""),
        ("mlperf_tiny/kws_ref_model_float32.tflite", "the model is already quantized: weights only"),
        ("mlperf_tiny/kws_ref_model.tflite", "the model is already quantized: weights and activations"),
    ],
)
def test_real_files_compute_the_same_bit_for_bit(name: str, note: str) -> None:
    imported = import_model(shared(f"models/{name}"), OPTIONS, Silent())
    assert imported.report.max_abs_difference == 0.0
    assert [n for n in imported.report.notes if "quantized" in n] == ([note] if note else [])
    assert "CUSTOM" not in {op.kind for op in imported.model.main.ops}
