"""What microcontrollers get: a C array that a compiler turns back into the model."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from edgekit.bundle.read import open_bundle
from edgekit.bundle.tflm import method, op_resolver, operators, pack_tflm
from edgekit.bundle.write import write_bundle
from edgekit.graph.codec import read
from tests.unit.bundle.content import INTEGER, content, pack_job


def test_a_microcontrollers_bundle_has_the_array(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", replace(content("mcu"), files=pack_tflm(pack_job()).files))
    bundle = open_bundle(tmp_path / "b")
    names = [entry.path for entry in bundle.manifest.files if entry.path.startswith("tflm/")]
    assert names == [f"tflm/{name}" for name in ("arena.h", "main.cc", "model.c", "model.h", "op_resolver.h")]
    assert (tmp_path / "b" / "tflm" / "model.c").read_bytes() == bundle.files["tflm/model.c"]


def test_the_array_compiles_to_the_models_bytes(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("no C compiler here")
    for path, data in pack_tflm(pack_job()).files.items():
        (tmp_path / Path(path).name).write_bytes(data)
    flags = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "model.c", "-o", "model.so"], cwd=tmp_path, check=True, timeout=60)
    array = (ctypes.c_ubyte * len(INTEGER)).in_dll(ctypes.CDLL(str(tmp_path / "model.so")), "edgekit_model")
    assert bytes(array) == INTEGER
    assert ctypes.addressof(array) % 16 == 0


def test_the_operators_are_listed_once() -> None:
    assert operators(read(INTEGER)) == ("FULLY_CONNECTED",)
    text = op_resolver(("ADD", "CONV_2D"))
    assert "kEdgekitOpCount = 2;" in text
    assert text.index("resolver.AddAdd();") < text.index("resolver.AddConv2D();")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("CONV_2D", "AddConv2D"),
        ("MAX_POOL_2D", "AddMaxPool2D"),
        ("BATCH_TO_SPACE_ND", "AddBatchToSpaceNd"),
        ("RELU6", "AddRelu6"),
        ("L2_NORMALIZATION", "AddL2Normalization"),
        ("SELECT_V2", "AddSelectV2"),
        ("SPLIT_V", "AddSplitV"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("CUMSUM", "AddCumSum"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
    ],
)
def test_the_resolvers_methods(kind: str, name: str) -> None:
    assert method(kind) == name
