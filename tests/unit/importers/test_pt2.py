"""Archives that would run code when torch loads them are refused before torch sees them."""

from __future__ import annotations

import copy
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgekit.core.errors import ModelError
from edgekit.importers.pt2 import check_expression, check_target, write_clean
from edgekit.importers.pytorch import PytorchImporter

CONFIG = {
    "w": {
        "path_name": "weight_0",
        "is_param": True,
        "use_pickle": False,
        "tensor_meta": {"dtype": 7, "sizes": [{"as_int": 2}]},
    }
}
LEAF = '{"type": null, "context": null, "children_spec": []}'
TREE = f'[1, {{"type": "builtins.tuple", "context": "null", "children_spec": [{LEAF}]}}]'
MODEL: dict[str, Any] = {
    "graph_module": {
        "graph": {
            "inputs": [{"as_tensor": {"name": "x"}}],
            "outputs": [{"as_tensor": {"name": "relu"}}],
            "nodes": [
                {
                    "target": "torch.ops.aten.relu.default",
                    "inputs": [{"name": "self", "arg": {"as_tensor": {"name": "x"}}, "kind": 1}],
                    "outputs": [{"as_tensor": {"name": "relu"}}],
                    "metadata": {"stack_trace": 'File "a.py"'},
                    "name": "relu",
                }
            ],
            "tensor_values": {
                "x": {"sizes": [{"as_expr": {"expr_str": "Symbol('s77', positive=True, integer=True)", "hint": None}}]}
            },
            "custom_obj_values": {},
        },
        "signature": {"input_specs": [], "output_specs": []},
        "module_call_graph": [
            {"fqn": "", "signature": {"in_spec": TREE, "out_spec": TREE, "forward_arg_names": ["x"]}}
        ],
    },
    "guards_code": ["L['x'].size()[0] <= 5"],
    "torch_version": "2.13.0+cpu",
}


class Touch:
    """Its pickle makes a file when it is loaded."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, (f"touch {self.sentinel}",)


def archive(path: Path, model: Any = MODEL, weights: Any = CONFIG, **more: bytes) -> Path:
    records = {
        "archive_format": b"pt2",
        "archive_version": b"0",
        "models/model.json": json.dumps(model).encode(),
        "data/weights/model_weights_config.json": json.dumps({"config": weights}).encode(),
        "data/weights/weight_0": bytes(8),
        "data/constants/model_constants_config.json": b'{"config": {}}',
        "data/sample_inputs/model.pt": b"",
    }
    records |= {name.replace("__", "/"): data for name, data in more.items()}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in records.items():
            file.writestr(f"m/{name}", data)
    return path


def changed(where: str, value: Any) -> Any:
    """MODEL with the field at a dotted path replaced."""
    model = copy.deepcopy(MODEL)
    *steps, last = [int(step) if step.isdigit() else step for step in where.split(".")]
    place: Any = model
    for step in steps:
        place = place[step]
    place[last] = value
    return model


NODE = "graph_module.graph.nodes.0"
CALL = "graph_module.module_call_graph.0.signature"
SIZE = "graph_module.graph.tensor_values.x.sizes.0.as_expr.expr_str"
TREES = {
    "enum": json.dumps(
        [1, {"type": "builtins.dict", "context": '{"__enum__": true, "fqn": "evil:X"}', "children_spec": []}]
    ),
    "defaultdict": '[1, {"type": "collections.defaultdict", "context": "{}", "children_spec": []}]',
}


@pytest.mark.parametrize(
    ("where", "value", "reason"),
    [
        (SIZE, "__import__('os').system('touch SENTINEL')", "size that is no arithmetic"),
        (SIZE, "().__class__", "size that is no arithmetic"),
        (SIZE, "Symbol('x; import os')", "size that is no arithmetic"),
        (f"{NODE}.target", "torch.os.system", "torch.os.system"),
        (f"{NODE}.target", "torch.ops.load_library", "torch.ops.load_library"),
        (f"{NODE}.target", "torch.ops.aten.from_file.default", "from_file"),
        (f"{NODE}.target", "_operator.call", "_operator.call"),
        (f"{NODE}.target", "#extension:op", "#extension"),
        (f"{NODE}.name", "x):\n    import os\n#", "a name that is none"),
        (f"{NODE}.inputs.0.arg", {"as_custom_obj": {"name": "a", "class_fqn": "b"}}, "a custom object"),
        (f"{NODE}.inputs.0.arg", {"as_graph": {"name": "a"}}, "a graph inside an operator"),
        (f"{CALL}.forward_arg_names", ["x=__import__('os')"], "a name that is none"),
        (f"{CALL}.in_spec", TREES["enum"], "structure|class"),
        (f"{CALL}.out_spec", TREES["defaultdict"], "collections.defaultdict"),
        ("graph_module.graph.custom_obj_values", {"o": 1}, "a custom object"),
        ("graph_module", 3, "damaged"),
    ],
)
def test_a_program_that_is_more_than_numbers_is_refused(tmp_path: Path, where: str, value: Any, reason: str) -> None:
    path = archive(tmp_path / "a.pt2", changed(where, value))
    with pytest.raises(ModelError, match=reason):
        write_clean(path, tmp_path / "clean.pt2")
    assert not (tmp_path / "clean.pt2").exists()


def test_pickled_weights_are_refused_and_not_loaded(tmp_path: Path) -> None:
    weights = {"w": {**CONFIG["w"], "use_pickle": True}}
    data = pickle.dumps(Touch(tmp_path / "sentinel"))
    path = archive(tmp_path / "a.pt2", weights=weights, data__weights__weight_0=data)
    with pytest.raises(ModelError, match="use_pickle"):
        PytorchImporter().load(path, _options(), _silent())
    assert not (tmp_path / "sentinel").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("data__constants__opaque_obj_0", "pickled object"),
        ("data__constants__custom_obj_0", "pickled object"),
        ("data__weights__model.pt", "pickled tensors"),
        ("data__aotinductor__model__lib.so", "compiled code"),
        ("serialized_exported_program.json", "before PyTorch 2.8"),
    ],
)
def test_records_that_are_code_are_refused(tmp_path: Path, name: str, reason: str) -> None:
    path = archive(tmp_path / "a.pt2", **{name: pickle.dumps(Touch(tmp_path / "sentinel"))})
    with pytest.raises(ModelError, match=reason):
        PytorchImporter().load(path, _options(), _silent())
    assert not (tmp_path / "sentinel").exists()


def test_the_copy_has_no_sample_inputs_traces_or_guards(tmp_path: Path) -> None:
    sample = pickle.dumps(Touch(tmp_path / "sentinel"))
    write_clean(archive(tmp_path / "a.pt2", data__sample_inputs__model=sample), tmp_path / "clean.pt2")
    with zipfile.ZipFile(tmp_path / "clean.pt2") as clean:
        names = set(clean.namelist())
        model = json.loads(clean.read("model/models/model.json"))
    assert not any("sample_inputs" in name for name in names)
    assert "model/data/weights/weight_0" in names
    assert model["guards_code"] == []
    assert model["graph_module"]["graph"]["nodes"][0]["metadata"] == {}
    assert not (tmp_path / "sentinel").exists()


@pytest.mark.parametrize("text", ["s0", "2*s0 + 1", "Max(1, s77//2)", "Symbol('s7', positive=True)", "Eq(s0, 3)"])
def test_arithmetic_on_sizes_passes(text: str) -> None:
    assert check_expression(text, Path("a.pt2")) is None


@pytest.mark.parametrize("target", ["torch.ops.aten.conv2d.default", "_operator.add", "torch.sym_max", "math.floor"])
def test_aten_operators_pass(target: str) -> None:
    assert check_target(target, Path("a.pt2")) is None


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("m/data.pkl",), "torch.save"),
        (("m/data.pkl", "m/constants.pkl"), "TorchScript"),
        (("m/archive_format",), "missing"),
    ],
)
def test_other_archives_of_pytorch_are_named(tmp_path: Path, names: tuple[str, ...], reason: str) -> None:
    path = tmp_path / "a.pt2"
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"pt2")
    assert PytorchImporter().sniff(path)
    with pytest.raises(ModelError, match=reason):
        PytorchImporter().load(path, _options(), _silent())


def test_a_pickle_called_pt2_is_refused_unloaded(tmp_path: Path) -> None:
    path = tmp_path / "a.pt2"
    path.write_bytes(pickle.dumps(Touch(tmp_path / "sentinel")))
    assert PytorchImporter().sniff(path)
    with pytest.raises(ModelError, match=r"pickle.*runs code"):
        PytorchImporter().load(path, _options(), _silent())
    assert not (tmp_path / "sentinel").exists()


def test_damaged_archives_are_one_sentence(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a.pt2").read_bytes()
    refused = 0
    for at in range(0, len(whole), 37):
        path = tmp_path / "b.pt2"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            write_clean(path, tmp_path / "clean.pt2")
        except ModelError as error:
            refused += 1
            assert str(path) in error.message
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="damaged"):
        write_clean(path, tmp_path / "clean.pt2")
    assert refused > 10


def _options() -> Any:
    from edgekit.importers.base import ImportOptions

    return ImportOptions()


def _silent() -> Any:
    from edgekit.core.progress import Silent

    return Silent()
