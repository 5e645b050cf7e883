"""Exported PyTorch programs, from torch.export.save to TFLite."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.progress import Silent
from edgekit.importers.base import Imported, ImportOptions
from edgekit.importers.pytorch import PytorchImporter
from tests.unit.importers.test_pt2 import Touch

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("onnxscript", reason="needs the torch extra")


class Net(torch.nn.Module):  # type: ignore[name-defined, misc]
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, padding=1, stride=2)
        self.norm = torch.nn.BatchNorm2d(8)
        self.dense = torch.nn.Linear(8, 4)

    def forward(self, x: Any) -> Any:
        return self.dense(torch.relu(self.norm(self.conv(x))).mean((2, 3)))


def save(net: Any, sample: Any, path: Path, dynamic: bool = False) -> Path:
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    torch.export.save(torch.export.export(net.eval(), (sample,), dynamic_shapes=shapes), path)
    return path


def load(path: Path) -> Imported:
    return PytorchImporter().load(path, ImportOptions(), Silent())


@pytest.mark.parametrize("dynamic", [False, True])
def test_a_convolutional_network(tmp_path: Path, dynamic: bool) -> None:
    imported = load(save(Net(), torch.randn(2 if dynamic else 1, 3, 16, 16), tmp_path / "net.pt2", dynamic))
    assert [port.tensor.shape for port in imported.model.inputs()] == [(1, 16, 16, 3)]
    assert "TRANSPOSE" not in [op.kind for op in imported.model.main.ops]
    assert imported.report.max_rel_difference is not None
    assert imported.report.max_rel_difference < 1e-5
    assert "torch" in imported.report.versions


def test_a_linear_network_whose_sample_inputs_are_a_trap(tmp_path: Path) -> None:
    clean = save(torch.nn.Linear(5, 3), torch.randn(1, 5), tmp_path / "clean.pt2")
    trap = tmp_path / "trap.pt2"
    with zipfile.ZipFile(clean) as source, zipfile.ZipFile(trap, "w") as target:
        for info in source.infolist():
            poison = pickle.dumps(Touch(tmp_path / "sentinel")) if "sample_inputs" in info.filename else None
            target.writestr(info.filename, poison or source.read(info))
    assert [port.tensor.shape for port in load(trap).model.outputs()] == [(1, 3)]
    assert not (tmp_path / "sentinel").exists()
