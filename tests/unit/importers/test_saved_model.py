"""SavedModel folders: the signature is converted, the rest is never loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgekit.core.errors import ModelError
from edgekit.core.progress import Silent
from edgekit.importers.base import Imported, ImportOptions
from edgekit.importers.children.saved_model_child import pick_signature, reachable_kinds
from edgekit.importers.registry import import_model
from tests.shared_data import shared

pytestmark = pytest.mark.keras


def load(path: Path, **shapes: tuple[int, ...]) -> Imported:
    return import_model(path, ImportOptions(input_shapes=shapes, timeout_s=120), Silent())


class Node:
    """As much of a NodeDef as is read."""

    def __init__(self, name: str, op: str, *inputs: str) -> None:
        self.name, self.op, self.input, self.attr = name, op, inputs, {}


class Bag:
    """Attributes."""

    def __init__(self, **values: object) -> None:
        self.__dict__ |= values


def test_only_what_can_run_is_looked_at_inside_of_functions_too() -> None:
    inner = Bag(signature=Bag(name="f"), node_def=[Node("w", "WriteFile")])
    nodes = [Node("x", "Placeholder"), Node("y", "f", "x:0", "^side"), Node("side", "NoOp"), Node("s", "SaveV2")]
    graph = Bag(node=nodes, library=Bag(function=[inner]))
    assert reachable_kinds(graph, ["y"]) == {"f", "Placeholder", "NoOp", "WriteFile"}
    assert reachable_kinds(graph, ["x"]) == {"Placeholder"}


def test_the_only_signature_is_taken_and_several_are_asked_about() -> None:
    one = Bag(outputs={"y": 1})
    assert pick_signature(Bag(signature_def={"other": one, "__saved_model_init_op": one})) == "other"
    assert pick_signature(Bag(signature_def={"other": one, "serving_default": one})) == "serving_default"
    with pytest.raises(ModelError, match="no signature 'serving_default'; it has a, b"):
        pick_signature(Bag(signature_def={"a": one, "b": one}))


def test_a_model_with_an_optimizer_that_tensorflow_cannot_load_is_imported() -> None:
    imported = load(shared("models/mlperf_tiny/kws_ref_model_savedmodel"))
    assert [port.name for port in imported.model.inputs()] == ["input_1"]
    assert [port.tensor.shape for port in imported.model.outputs()] == [(1, 12)]
    assert imported.report.max_rel_difference is not None
    assert imported.report.max_rel_difference < 1e-6  # float32 rounding


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    target = tmp_path / "saved"
    shutil.copytree(shared("models/own/fsdd_dscnn_savedmodel"), target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755)
    return target


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load(path)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_missing_variables(copy: Path) -> None:
    shutil.rmtree(copy / "variables")
    assert refusal(copy) == f"the SavedModel {copy} cannot be loaded: its variables are missing"


def test_truncated_variables(copy: Path) -> None:
    data = copy / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    assert refusal(copy).startswith(f"the SavedModel {copy} cannot be loaded: ")


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"hello"])
def test_a_damaged_graph(copy: Path, content: bytes) -> None:
    (copy / "saved_model.pb").write_bytes(content)
    assert str(copy) in refusal(copy)


def test_a_truncated_graph(copy: Path) -> None:
    graph = copy / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:5000])
    assert refusal(copy).endswith("saved_model.pb is damaged: it is not a SavedModel message")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"there is no model in the folder {tmp_path}: it has no saved_model.pb"
