"""Options, reports, and what a file is told to be by its content."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path

import pytest

from edgekit.core.errors import ModelError, UsageError
from edgekit.importers.base import ImportOptions, ImportReport, parse_input_shape
from edgekit.importers.registry import IMPORTERS, pick
from edgekit.importers.sniff import complaint, zip_names


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("image=1,224,224,3", ("image", (1, 224, 224, 3))),
        ("1,48", ("", (1, 48))),
        ("a=b=1x2", ("a=b", (1, 2))),
    ],
)
def test_input_shape_is_read(text: str, expected: tuple[str, tuple[int, ...]]) -> None:
    assert parse_input_shape(text) == expected


@pytest.mark.parametrize("text", ["", "image=", "image", "1,-1", "1,?", "x=0"])
def test_a_wrong_input_shape_says_how_to_write_it(text: str) -> None:
    with pytest.raises(UsageError, match="NAME=1,224,224,3"):
        parse_input_shape(text)


def test_report_survives_json() -> None:
    report = ImportReport("keras", "ab", "Keras", {"keras": "3"}, 1e-7, 2e-7, 4, ("a note",))
    assert ImportReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_report_without_comparison_survives_json() -> None:
    report = ImportReport("tflite", "ab", "TFLite", {}, None, None, 0)
    assert ImportReport.from_json(report.to_json()) == report


def test_cache_key_has_what_the_model_depends_on() -> None:
    key = ImportOptions(input_shapes={"x": (1, 2)}, timeout_s=1).key()
    assert key == {"importer": None, "input_shapes": {"x": [1, 2]}, "allow_unsafe": False}


def test_the_registry_names_all_importers() -> None:
    assert list(IMPORTERS) == ["tflite", "saved-model", "keras", "onnx", "onnx-tf", "pytorch"]


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("m.tflite", b"", "is empty"),
        ("m.tflite", b"\x00\x01" * 50, "the TFL3 identifier of a TFLite file is missing"),
        ("m.h5", b"\x00" * 20, "the HDF5 signature is missing"),
        ("m.keras", b"\x00" * 20, "it is not a zip archive"),
        ("m.tflite", b"<html>not found</html>", "it is a text file"),
        ("m.tflite", b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer"),
        ("m.pt2", pickle.dumps({"a": 1}), "it is a Python pickle, and loading one runs code"),
        ("m.keras", b"PK\x03\x04" + b"\x00" * 60, "a zip archive that is damaged"),
        ("m.bin", b"\x00" * 20, "its content is of no kind that edgekit knows"),
    ],
)
def test_what_is_no_model_is_called_what_it_is(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = written(tmp_path, name, content)
    assert sentence in complaint(path)
    assert str(path) in complaint(path)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    assert complaint(tmp_path) == f"there is no model in the folder {tmp_path}: it has no saved_model.pb"


def test_a_zip_that_is_damaged_has_no_names(tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "b" * 1000)
    assert zip_names(path) == {"a"}
    path.write_bytes(path.read_bytes()[:-10])
    assert zip_names(path) == frozenset()


def test_nothing_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no model at"):
        pick(tmp_path / "none.tflite")


def test_an_unknown_importer_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no importer called 'x'"):
        pick(tmp_path, "x")


def test_content_not_suffix_decides(tmp_path: Path) -> None:
    path = written(tmp_path, "model.h5", b"\x1c\x00\x00\x00TFL3" + b"\x00" * 30)
    assert type(pick(path)).__name__ == "TfliteImporter"


def test_what_nobody_knows_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is empty"):
        pick(written(tmp_path, "m.onnx", b""))
