"""ONNX models, through a converter in an environment of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.core.errors import ModelError
from edgekit.core.files import read_bytes, write_atomic
from edgekit.core.process import JsonCall, run_json
from edgekit.core.progress import Progress
from edgekit.importers.base import Imported, ImportOptions, accept
from edgekit.importers.conversion import CHILDREN, Converter, child_call, name_ports, report, write_samples
from edgekit.importers.environments import ensure
from edgekit.importers.sniff import head

if TYPE_CHECKING:
    from edgekit.graph.model import Model

_IR_VERSION_TAG = 0x08  # onnx.proto: ir_version is field 1, a varint, and protobuf writes fields in order
_NEWEST_IR_VERSION = 31
_NEXT_TAGS = frozenset({0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72})  # fields 2 to 8 and 14 of ModelProto
_KNOWN_ELSE = (b"PK", b"version https://git-lfs", b"\x89HDF", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def looks_like_onnx(path: Path) -> bool:
    """The first fields of an ONNX ModelProto; or the suffix, on content that is nothing else that we know."""
    first = head(path)
    if len(first) > 2 and first[0] == _IR_VERSION_TAG and 0 < first[1] <= _NEWEST_IR_VERSION:
        return first[2] in _NEXT_TAGS
    text = all(byte >= 32 or byte in b"\t\r\n\f" for byte in first)
    return path.suffix.lower() == ".onnx" and not text and not first.startswith(_KNOWN_ELSE) and first[4:8] != b"TFL3"


class OnnxImporter:
    """onnx2tf's direct backend: no TensorFlow, about a second a model."""

    def sniff(self, path: Path) -> bool:
        """An ONNX message."""
        return looks_like_onnx(path)

    def load(self, path: Path, options: ImportOptions, progress: Progress) -> Imported:
        """The model at `path`, channels last, batch 1. Raises ModelError, MissingError."""
        converter = Converter("onnx", "ONNX", "onnx2tf_child.py", ensure("onnx2tf", progress), "onnx2tf")
        return import_onnx(converter, path, options, progress)


def import_onnx(converter: Converter, path: Path, options: ImportOptions, progress: Progress) -> Imported:
    """The ONNX model at `path` through `converter`, checked against ONNX Runtime.

    Raises ModelError, also for a crash, a passed limit and a result that is not the source's function.
    """
    refuse_damage(path)
    progress.start(f"import {path.name}", None)
    try:
        with tempfile.TemporaryDirectory(prefix="edgekit-import-") as name:
            folder = Path(name)
            request = {
                "path": str(path.resolve()),
                "input_shapes": {key: list(shape) for key, shape in options.input_shapes.items()},
                "samples": write_samples(options, folder),
            }
            return through_backend(converter, path, options, request, folder)
    finally:
        progress.finish()


def through_backend(
    converter: Converter, path: Path, options: ImportOptions, request: Mapping[str, object], folder: Path
) -> Imported:
    """The ONNX file of `request` through `converter` and the self check; `path` is what the person gave."""
    answer = run_json(child_call(converter, options, folder), request, folder)
    model, notes = accept(read_bytes(folder / "model.tflite"), path)
    rename_ports(model, _names(answer, "inputs"), _names(answer, "outputs"))
    name_ports(model)
    checked = check(model, answer, path, options, folder)
    versions: dict[str, str] = {}
    for part in (request, answer, checked):
        versions |= string_map(part, "versions")
    result: dict[str, Any] = {**checked, "versions": versions}
    result["notes"] = [*_names(answer, "notes"), *_names(checked, "notes"), *_state_notes(model)]
    return Imported(model, report(converter, path, result, notes if not model.signatures else ()))


def check(
    model: Model, answer: Mapping[str, object], path: Path, options: ImportOptions, folder: Path
) -> dict[str, object]:
    """The answer of the child that compares `model` with what the backend computed. Raises ModelError."""
    from edgekit.graph.codec import write

    write_atomic(folder / "model.tflite", write(model))
    call = JsonCall(
        what="the check of the imported model",
        script=CHILDREN / "onnx_check_child.py",
        timeout_s=options.timeout_s,
        memory_bytes=options.memory_bytes,
    )
    return run_json(call, {**answer, "what": str(path)}, folder)


def _state_notes(model: Model) -> tuple[str, ...]:
    """Says where a run goes on from the last one."""
    if not any(tensor.is_variable for graph in model.graphs for tensor in graph.tensors):
        return ()
    return ("the model keeps its state from one run to the next: reset the variables before each sequence",)


def refuse_damage(path: Path) -> None:
    """Raises ModelError for what is seen to be no ONNX model without a parser."""
    first = head(path)
    if path.is_dir() or not first:
        raise ModelError(f"{path} is {'a folder, not an ONNX model' if path.is_dir() else 'empty'}")


def rename_ports(model: Model, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Give the ports of the signature the source's names and its order, where the converter changed them.

    Raises ModelError where inputs or outputs are missing: a converter drops what nothing reads.
    """
    signature = model.signatures[0]
    signature.inputs = _renamed(signature.inputs, inputs, signature.graph.inputs, "input")
    signature.outputs = _renamed(signature.outputs, outputs, signature.graph.outputs, "output")
    if len(signature.inputs) == len(signature.graph.inputs):  # TensorFlow's order changes from run to run
        signature.graph.inputs = list(signature.inputs.values())


def _renamed(ports: Mapping[str, Any], names: Sequence[str], order: Sequence[Any], kind: str) -> dict[str, Any]:
    if set(ports) == set(names):
        return {name: ports[name] for name in names}
    numbered = [f"{kind}_{at}" for at in range(len(names))]
    if set(ports) == set(numbered):
        return {name: ports[number] for name, number in zip(names, numbered, strict=True)}
    if len(ports) != len(names):
        missing = ", ".join(name for name in names if name not in ports)
        raise ModelError(f"the converter dropped the {kind} {missing}: nothing of the result depends on it")
    return dict(zip(names, order, strict=True))


def _names(answer: Mapping[str, object], key: str) -> list[str]:
    found = answer.get(key)
    return [str(name) for name in found] if isinstance(found, list) else []


def string_map(answer: Mapping[str, object], key: str) -> dict[str, str]:
    """The texts by name that a child answered under `key`."""
    found = answer.get(key)
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
