"""ONNX through onnx2tf, in its real environment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.core.errors import ModelError
from edgekit.core.progress import Silent
from edgekit.importers.base import Imported, ImportOptions
from edgekit.importers.onnx import OnnxImporter, looks_like_onnx
from tests.shared_data import shared

pytestmark = pytest.mark.onnx
pytest.importorskip("onnx", reason="needs the onnx extra")


def load(path: Path, options: ImportOptions | None = None) -> Imported:
    return OnnxImporter().load(path, options or ImportOptions(), Silent())


def saved(name: str, folder: Path) -> Path:
    from tests.unit.importers.onnx_files import save

    return save(name, folder)


@pytest.mark.parametrize(
    ("name", "inputs", "outputs"),
    [
        ("conv", {"x": (1, 8, 10, 3)}, {"y": (1, 8, 10, 4)}),
        ("pad", {"x": (1, 8, 8, 3)}, {"y": (1, 8, 8, 4)}),
        ("gemm", {"x": (1, 7)}, {"y": (1, 5)}),
        ("conv1d", {"x": (1, 20, 16)}, {"y": (1, 6, 16)}),
        ("lstm", {"x": (1, 12, 5)}, {"y": (1, 6)}),
        ("two", {"image": (1, 8, 8, 3), "numbers": (1, 5)}, {"sum": (1, 4), "mask": (1, 8, 8, 4)}),
        ("nhwc", {"x": (1, 8, 8, 3)}, {"y": (1, 8, 8, 4)}),
    ],
)
def test_a_model_keeps_its_names_and_function(
    tmp_path: Path, name: str, inputs: dict[str, tuple[int, ...]], outputs: dict[str, tuple[int, ...]]
) -> None:
    imported = load(saved(name, tmp_path))
    assert {port.name: port.tensor.shape for port in imported.model.inputs()} == inputs
    assert {port.name: port.tensor.shape for port in imported.model.outputs()} == outputs
    assert imported.report.max_rel_difference is not None
    assert imported.report.max_rel_difference < 1e-5  # float32 sums in another order
    assert imported.report.sample_count > 0
    if name not in ("conv1d", "lstm"):
        assert not [op.name for op in imported.model.main.ops if op.kind == "TRANSPOSE"]


def test_the_report_says_that_channels_moved(tmp_path: Path) -> None:
    notes = load(saved("conv", tmp_path)).report.notes
    assert any("input x was (1, 3, 8, 10) with channels first and is now (1, 8, 10, 3)" in note for note in notes)


def test_samples_are_channels_last(tmp_path: Path) -> None:
    sample = {"x": np.ones((1, 8, 10, 3), np.float32)}
    assert load(saved("conv", tmp_path), ImportOptions(samples=(sample,))).report.sample_count == 1


@pytest.mark.parametrize("shape", [(1, 3, 6, 12), (1, 6, 12, 3)])
def test_open_sizes_are_given_in_either_layout(tmp_path: Path, shape: tuple[int, ...]) -> None:
    model = load(saved("open", tmp_path), ImportOptions(input_shapes={"x": shape})).model
    assert model.inputs()[0].tensor.shape == (1, 6, 12, 3)


@pytest.mark.parametrize(
    ("name", "shapes", "reason"),
    [
        ("open", {}, "open shape"),
        ("open", {"x": (1, 5, 6, 6)}, "does not fit"),
        ("conv", {"z": (1, 3)}, "called 'z'"),
        ("custom", {}, "acme.Frob"),
        ("unknown", {}, "Frobnicate"),
    ],
)
def test_what_cannot_be_imported_is_named(
    tmp_path: Path, name: str, shapes: dict[str, tuple[int, ...]], reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        load(saved(name, tmp_path), ImportOptions(input_shapes=shapes))


@pytest.mark.parametrize(
    ("place", "reason"), [("../w.bin", "outside"), ("/etc/passwd", "outside"), ("w.bin", "missing")]
)
def test_external_data_stays_in_the_folder(tmp_path: Path, place: str, reason: str) -> None:
    from tests.unit.importers.onnx_files import save_with_external_data

    with pytest.raises(ModelError, match=reason):
        load(save_with_external_data(tmp_path, place))


def test_damaged_files_are_one_sentence(tmp_path: Path) -> None:
    whole = saved("conv", tmp_path).read_bytes()
    path = tmp_path / "damaged.onnx"
    for content in (
        b"",
        whole[:50],
        whole[: len(whole) // 2],
        b"\x08\x08\x12" + bytes(range(200)),
        whole[:3] + b"\xff" * 40,
    ):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"damaged\.onnx"):
            load(path)


def test_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = saved("gemm", tmp_path)
    assert looks_like_onnx(path.rename(tmp_path / "model.bin"))
    for content in (b"", b"hello", b"PK\x03\x04", b"\x80\x04\x95", b"\x1c\0\0\0TFL3"):
        (tmp_path / "other.onnx").write_bytes(content)
        assert looks_like_onnx(tmp_path / "other.onnx") is False or not content


def test_the_cifar_network_comes_out_without_transposes() -> None:
    imported = load(shared("models/own/cifar10_resnet_torch.onnx"))
    kinds = [op.kind for op in imported.model.main.ops]
    assert "TRANSPOSE" not in kinds
    assert len(kinds) < 25
    assert [port.name for port in imported.model.outputs()] == ["logits"]
    assert imported.report.max_rel_difference is not None
    assert imported.report.max_rel_difference < 1e-5
