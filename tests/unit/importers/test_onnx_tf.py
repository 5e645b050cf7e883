"""ONNX through onnx-tf, in its real environment; and what is said where that cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgekit.core.errors import MissingError, ModelError
from edgekit.core.progress import Silent
from edgekit.importers.base import Imported, ImportOptions
from edgekit.importers.onnx_tf import OnnxTfImporter

pytestmark = pytest.mark.onnx_tf
pytest.importorskip("onnx", reason="needs the onnx extra")


def load(name: str, folder: Path) -> Imported:
    from tests.unit.importers.onnx_files import save

    return OnnxTfImporter().load(save(name, folder), ImportOptions(), Silent())


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="onnx-tf exists for Python 3.11 at most")
@pytest.mark.parametrize("name", ["conv", "two", "gemm"])
def test_a_model_is_the_same_function(tmp_path: Path, name: str) -> None:
    imported = load(name, tmp_path)
    shapes = {"conv": [(1, 8, 10, 3)], "two": [(1, 8, 8, 3), (1, 5)], "gemm": [(1, 7)]}
    assert sorted(port.tensor.shape for port in imported.model.inputs()) == sorted(shapes[name])
    assert imported.report.importer == "onnx-tf"
    assert imported.report.max_rel_difference is not None
    assert imported.report.max_rel_difference < 1e-5


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="onnx-tf exists for Python 3.11 at most")
def test_what_it_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Frobnicate"):
        load("unknown", tmp_path)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="it is there for this Python")
def test_newer_pythons_are_told(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"3\.11"):
        load("conv", tmp_path)
