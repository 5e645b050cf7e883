"""Is an exported PyTorch program free of code? Decided, and a clean copy made, before torch sees the file.

`torch.export.load` (2.13) runs code from a file in these ways, all of which end here:

1. `data/sample_inputs/*.pt` is a pickle, loaded with weights_only=False when the safe way fails: never copied.
2. weights and constants with `use_pickle`, and the legacy `data/weights/*.pt`, likewise: refused.
3. constants `opaque_obj_*` and `custom_obj_*` are unpickled: refused.
4. `expr_str` goes to sympy.sympify, which is eval: only integers, symbols and arithmetic pass.
5. operator targets are attribute paths from `torch`, from where every module is in reach: only ATen operators pass.
6. tree specs import the module that an enum or a default factory names: only tuples, lists and dicts pass.
7. names of values become Python source that is executed: only identifiers pass; guards and traces are dropped.
8. `data/aotinductor` holds shared objects: refused.

The copy has the records that are named here and nothing else, so it does not matter how torch reads archives. Source:
torch/export/pt2_archive/_package.py, torch/_export/serde/serialize.py, torch/utils/_pytree.py, torch/fx/graph.py.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from edgekit.core.errors import ModelError, StorageError
from edgekit.core.files import read_bytes

MODEL = "models/model.json"
CONFIGS = {"data/weights/": "model_weights_config.json", "data/constants/": "model_constants_config.json"}
HINT = "save it again with torch.export.save of PyTorch 2.8 or newer, and with tensors as its only constants"
_ZIP_DAMAGE = (
    zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, RuntimeError, OSError, OverflowError, IndexError
)  # fmt: skip
"""What zipfile raises for damaged archives, which are read from memory here."""
_PLAIN = ("archive_format", "archive_version", "byteorder", ".data/version")
_NAME = re.compile(r"[A-Za-z0-9_.]{0,300}")
_TEXT = re.compile(r"[ -~]{0,300}")
_VERSION = re.compile(r"[A-Za-z0-9_.+-]{0,80}")
_PAYLOAD = re.compile(r"(weight|tensor)_[0-9]{1,9}")
_SYMBOL = re.compile(r"[suz][a-z]{0,3}[0-9]{1,9}")
_TREES = frozenset({None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"})
_ATEN = re.compile(r"torch\.ops\.aten\.[a-z_][A-Za-z0-9_]*\.[A-Za-z0-9_]+")
_REACHES_OUT = re.compile(r"\.aten\.(from_file|save|load|_?print)\b")
_ARITHMETIC = frozenset(
    [
        f"_operator.{name}"
        for name in [
            "add",
            "sub",
            "mul",
            "truediv",
            "floordiv",
            "mod",
            "neg",
            "pow",
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "getitem",
            "and_",
            "or_",
            "not_",
        ]
    ]
    + [f"torch.sym_{name}" for name in ["int", "float", "max", "min", "not", "ite", "sum"]]
    + [f"math.{name}" for name in ["ceil", "floor", "trunc"]]
)
_FUNCTIONS = frozenset(
    [
        "Symbol",
        "Integer",
        "Rational",
        "Float",
        "Add",
        "Mul",
        "Pow",
        "Max",
        "Min",
        "Mod",
        "FloorDiv",
        "CeilDiv",
        "CleanDiv",
        "PythonMod",
        "ModularIndexing",
        "Where",
        "CeilToInt",
        "FloorToInt",
        "TruncToInt",
        "RoundToInt",
        "IntTrueDiv",
        "FloatTrueDiv",
        "ToFloat",
        "Identity",
        "PowByNatural",
        "Eq",
        "Ne",
        "Equality",
        "Unequality",
        "Gt",
        "Ge",
        "Lt",
        "Le",
        "StrictGreaterThan",
        "GreaterThan",
        "StrictLessThan",
        "LessThan",
        "And",
        "Or",
        "Not",
    ]
)
_ASSUMPTIONS = frozenset(["positive", "integer", "nonnegative", "real", "nonzero", "negative", "finite", "precision"])
_SYNTAX = (
    ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.BinOp, ast.UnaryOp, ast.Compare,
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Div, ast.Mod, ast.USub, ast.UAdd,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip
_REFUSED_KEYS = {
    "as_custom_obj": "a custom object",
    "as_graph": "a graph inside an operator",
    "custom_obj": "a custom object",
    "token": "a side effect token",
}


def write_clean(path: Path, clean: Path) -> None:
    """Copy the program at `path` to `clean`, without sample inputs and without anything that runs as code.

    Raises ModelError, saying what is refused and why, and StorageError.
    """
    records = _read(path)
    model = _json(records[MODEL], MODEL, path)
    kept = {name: records[name] for name in _PLAIN if name in records}
    for folder, config in CONFIGS.items():
        kept |= _payloads(records, folder, config, path)
    kept[MODEL] = json.dumps(_clean_model(model, path)).encode()
    try:
        with zipfile.ZipFile(clean, "w", zipfile.ZIP_STORED) as archive:
            for name, data in kept.items():
                archive.writestr(f"model/{name}", data)
    except OSError as error:
        raise StorageError(f"cannot write {clean}: {error.strerror or error}") from error


def is_exported_program(names: frozenset[str]) -> bool:
    """Whether a zip archive with these names calls itself a PT2 archive, or is another kind of PyTorch's files."""
    last = {name.partition("/")[2] for name in names} | names
    return bool(last & {"archive_format", "data.pkl", "serialized_exported_program.json"})


def _read(path: Path) -> dict[str, bytes]:
    """The records of the archive, without its top folder."""
    data = read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            _refuse_kind(frozenset(info.filename for info in infos), path)
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                _refuse(path, "its records are compressed, which torch.export.save never does")
            records = {info.filename.partition("/")[2]: archive.read(info) for info in infos}
    except _ZIP_DAMAGE as error:
        raise ModelError(f"{path} is damaged or not an exported PyTorch program: {error}", HINT) from error
    _refuse_layout(records, len(infos), path)
    return records


def _refuse_kind(names: frozenset[str], path: Path) -> None:
    last = {name.partition("/")[2] for name in names}
    if "serialized_exported_program.json" in names | last:
        _refuse(path, "it has the layout of before PyTorch 2.8, whose tensors are pickles")
    if "data.pkl" in last and "constants.pkl" in last:
        _refuse(path, "it is TorchScript (torch.jit.save), not an exported program")
    if "data.pkl" in last:
        _refuse(path, "it is a pickle (torch.save), and loading one runs code")


def _refuse_layout(records: Mapping[str, bytes], count: int, path: Path) -> None:
    if len(records) != count:
        _refuse(path, "it holds two records of one name")
    if records.get("archive_format") != b"pt2" or MODEL not in records:
        _refuse(path, "it is not an exported program: archive_format or models/model.json is missing")
    for name in records:
        if name.startswith(("data/aotinductor/", "data/executorch/", "data/mtia/", "data/xl_model_weights/")):
            _refuse(path, f"it holds compiled code ({name})")
        if name.startswith("data/constants/") and name.rpartition("/")[2].startswith(("opaque_obj", "custom_obj")):
            _refuse(path, f"it holds a pickled object ({name})")
        if name.startswith(("data/weights/", "data/constants/")) and name.endswith(".pt"):
            _refuse(path, f"it holds pickled tensors ({name})")


def _payloads(records: Mapping[str, bytes], folder: str, config: str, path: Path) -> dict[str, bytes]:
    """The weights or constants of one folder with their list."""
    name = folder + config
    if name not in records:
        _refuse(path, f"it is damaged: {name} is missing")
    listed = _mapping(_mapping(_json(records[name], name, path), path).get("config"), path)
    kept = {name: json.dumps({"config": _clean(listed, path)}).encode()}
    for key, entry in listed.items():
        fields = _mapping(entry, path)
        file = str(fields.get("path_name"))
        if file.startswith(("opaque_obj", "custom_obj")):
            _refuse(path, f"its constant {_shown(key)} is a pickled object ({file})")
        if fields.get("use_pickle") is not False:
            _refuse(path, f"its tensor {_shown(key)} is a pickle (use_pickle), and loading one runs code")
        if not _PAYLOAD.fullmatch(file) or folder + file not in records:
            _refuse(path, f"it is damaged: the data of {_shown(key)} is missing")
        kept[folder + file] = records[folder + file]
    return kept


def _clean_model(model: object, path: Path) -> dict[str, object]:
    """model.json without what torch does not need for computing, all the rest checked."""
    program = dict(_mapping(model, path))
    version = program.pop("torch_version", "")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        _refuse(path, "its torch_version is no version")
    module = dict(_mapping(program.get("graph_module"), path))
    calls = module.get("module_call_graph")
    calls = calls if isinstance(calls, list) else []
    module["module_call_graph"] = [call for call in calls if _mapping(call, path).get("fqn") == ""]
    module |= {"metadata": {}, "treespec_namedtuple_fields": {}}
    program |= {"graph_module": module, "guards_code": []}
    cleaned = dict(_mapping(_clean(program, path), path))
    return {**cleaned, "torch_version": version}


def _clean(value: object, path: Path, key: str = "") -> object:
    """`value` from below `key`, checked; metadata of nodes (traces, class names) emptied."""
    if isinstance(value, dict):
        return {_name(name, path): _clean_field(name, field, path) for name, field in value.items()}
    if isinstance(value, list):
        return [_clean(item, path, key) for item in value]
    if isinstance(value, str):
        _check_text(key, value, path)
    return value


def _clean_field(name: str, field: object, path: Path) -> object:
    if name == "metadata":
        return {}
    if name in _REFUSED_KEYS and field:
        _refuse(path, f"it holds {_REFUSED_KEYS[name]}")
    if name == "custom_obj_values" and field:
        _refuse(path, "it holds a custom object")
    return _clean(field, path, name)


def _check_text(key: str, text: str, path: Path) -> None:
    if key == "expr_str":
        check_expression(text, path)
    elif key in ("target", "as_operator"):
        check_target(text, path)
    elif key in ("in_spec", "out_spec"):
        _check_tree(text, path)
    elif key == "as_string":  # an operator's argument, which only ever becomes a string literal
        if not _TEXT.fullmatch(text):
            _refuse(path, f"it has an argument that is no plain text: {_shown(text)}")
    else:
        _name(text, path)


def check_target(target: str, path: Path) -> None:
    """Raises ModelError for an operator that is not ATen's or plain arithmetic on sizes."""
    if target in _ARITHMETIC or (_ATEN.fullmatch(target) and not _REACHES_OUT.search(target)):
        return
    _refuse(path, f"it calls {_shown(target)}, which is not one of PyTorch's own (ATen) operators")


def check_expression(text: str, path: Path) -> None:
    """Raises ModelError for a size expression that is more than arithmetic on integers and symbols."""
    try:
        tree = ast.parse(text, mode="eval") if len(text) < 2000 and text.isascii() and "__" not in text else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None or not all(_is_arithmetic(node) for node in ast.walk(tree)):
        _refuse(path, f"it has a size that is no arithmetic: {_shown(text)}")


def _is_arithmetic(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
    if isinstance(node, ast.Name):
        return node.id in _FUNCTIONS or bool(_SYMBOL.fullmatch(node.id))
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            return bool(_SYMBOL.fullmatch(node.value) or re.fullmatch(r"[0-9.]{1,20}", node.value))
        return isinstance(node.value, int | float) and abs(node.value) < 2**63
    if isinstance(node, ast.keyword):
        return node.arg in _ASSUMPTIONS and isinstance(node.value, ast.Constant)
    return isinstance(node, _SYNTAX)


def _check_tree(text: str, path: Path) -> None:
    """Raises ModelError for a structure of inputs or outputs that is more than tuples, lists and dicts."""
    specification = _json(text.encode(), "a tree specification", path)
    if not isinstance(specification, list) or len(specification) != 2:
        _refuse(path, "its inputs or outputs have a structure that cannot be read")
    waiting = [specification[1]]
    while waiting:
        node = _mapping(waiting.pop(), path)
        context = node.get("context")
        kind = node.get("type")
        if not isinstance(kind, str | None) or kind not in _TREES or not _is_keys(context, path):
            _refuse(path, f"its inputs or outputs are of the class {_shown(kind)}")
        children = node.get("children_spec")
        waiting += children if isinstance(children, list) else []


def _is_keys(context: object, path: Path) -> bool:
    """A node's context is nothing, or the keys of a dict."""
    if context is None:
        return True
    keys = _json(str(context).encode(), "a tree specification", path)
    listed = keys if isinstance(keys, list) else [] if keys is None else [keys]
    return all(isinstance(key, int) or (isinstance(key, str) and _NAME.fullmatch(key)) for key in listed)


def _name(text: str, path: Path) -> str:
    """`text`, which may become Python source. Raises ModelError where it is no dotted identifier."""
    if not _NAME.fullmatch(text):
        _refuse(path, f"it has a name that is none: {_shown(text)}")
    return text


def _json(data: bytes, name: str, path: Path) -> object:
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {name} cannot be read", HINT) from error
    return value


def _mapping(value: object, path: Path) -> Mapping[str, object]:
    if not isinstance(value, dict):
        _refuse(path, "it is damaged: its description has not the structure of an exported program")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 120 else text[:116] + "...'"


def _refuse(path: Path, reason: str) -> NoReturn:
    raise ModelError(f"{path} is refused: {reason}", HINT)
