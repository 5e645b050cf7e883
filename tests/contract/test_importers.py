"""What every importer in the registry keeps to: it knows its files and no others, its result is legal, has a signature,
fixed shapes and no foreign operators, and is the function that the source framework computes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edgekit.core.errors import ModelError
from edgekit.core.progress import Silent
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.importers.base import MAX_RELATIVE_DIFFERENCE, ImportOptions, ImportReport
from edgekit.importers.registry import IMPORTERS, import_model, pick
from tests.shared_data import shared


def _pytorch(folder: Path) -> Path:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 2))
    path = folder / "m.pt2"
    torch.export.save(torch.export.export(net.eval(), (torch.zeros(1, 3, 8, 8),)), path)
    return path


def _onnx(folder: Path) -> Path:
    """Opset 13: what onnx-tf, dead since 2022, still reads."""
    onnx = pytest.importorskip("onnx", reason="needs the onnx extra")
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 4]) for name in "xy")
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    opset = [onnx.helper.make_opsetid("", 13)]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y]), opset_imports=opset, ir_version=8)
    onnx.save(model, folder / "m.onnx")
    return folder / "m.onnx"


def _shared(name: str) -> Callable[[Path], Path]:
    return lambda _: shared(name)


EXAMPLES: dict[str, tuple[Callable[[Path], Path], tuple[pytest.MarkDecorator, ...]]] = {
    "tflite": (_shared("models/mobilenet_v1_025/mobilenet_v1_0.25_224_1_default_1.tflite"), ()),
    "keras": (_shared("models/own/fsdd_dscnn.keras"), (pytest.mark.keras,)),
    "saved-model": (_shared("models/own/fsdd_dscnn_savedmodel"), (pytest.mark.keras,)),
    "onnx": (_shared("models/own/cifar10_resnet_torch.onnx"), (pytest.mark.onnx,)),
    "onnx-tf": (_onnx, (pytest.mark.onnx, pytest.mark.onnx_tf)),
    "pytorch": (_pytorch, (pytest.mark.torch,)),
}
EACH = [pytest.param(name, marks=marks) for name, (_, marks) in EXAMPLES.items()]


def example(name: str, folder: Path) -> Path:
    return EXAMPLES[name][0](folder)


def test_every_importer_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(IMPORTERS)


@pytest.mark.parametrize("name", EACH)
def test_it_knows_its_own_file_and_is_picked_for_it(name: str, tmp_path: Path) -> None:
    path = example(name, tmp_path)
    importer = IMPORTERS.load(name)
    assert importer().sniff(path)
    assert isinstance(pick(path, name), importer)
    if name != "onnx-tf":  # the second for its format, by name only
        assert isinstance(pick(path), importer)


@pytest.mark.parametrize("name", list(EXAMPLES))
@pytest.mark.parametrize("content", [b"", b"hello\n" * 20, b"\x00" * 600, b"PK\x03\x04" + b"\x00" * 60])
def test_it_does_not_know_what_is_no_model(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    importer = IMPORTERS.load(name)()
    assert not importer.sniff(path)
    assert not importer.sniff(tmp_path)


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_a_file_of_another_kind_given_to_it_by_name_is_one_sentence(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"\x00" * 600)
    with pytest.raises(ModelError, match=f"model.bin is not what the importer {name} reads: "):
        import_model(path, ImportOptions(importer=name), Silent())  # and nothing is installed or started for it


@pytest.mark.parametrize("name", EACH)
def test_the_result_is_legal_and_the_sources_function(name: str, tmp_path: Path) -> None:
    imported = import_model(example(name, tmp_path), ImportOptions(importer=name, timeout_s=300), Silent())
    model, report = imported.model, imported.report
    check(read(write(model)))
    assert model.signatures
    assert "CUSTOM" not in {op.kind for graph in model.graphs for op in graph.ops}
    assert all(-1 not in (port.tensor.shape_signature or ()) for port in model.inputs())
    assert report.importer == name
    assert report.max_rel_difference is not None
    assert report.max_rel_difference <= MAX_RELATIVE_DIFFERENCE
    assert report.sample_count > 0
    assert ImportReport.from_json(json.loads(json.dumps(report.to_json()))) == report
