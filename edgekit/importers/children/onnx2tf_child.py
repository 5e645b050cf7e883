"""ONNX -> model.tflite with onnx2tf's direct backend, in the backend's environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

_ROOT = str(Path(__file__).resolve().parents[3])
_OFFLINE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


class ConversionError(Exception):
    """Becomes a ModelError in the parent."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def own_module() -> Any:
    """`onnx_source`; edgekit's folder is on the path only while it is imported, else its neighbours would be found too."""
    sys.path.append(_ROOT)
    try:
        from edgekit.importers.children import onnx_source
    finally:
        sys.path.remove(_ROOT)
    return onnx_source


def main(request: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Convert `request["path"]`; leaves model.tflite, feeds, ONNX Runtime's outputs and its intermediate tensors."""
    source = own_module()
    path = Path(request["path"])
    model = source.read(path)
    inputs = source.fix_shapes(model, request["input_shapes"])
    answer = reference(source, model, inputs, request, folder)
    (folder / "model.tflite").write_bytes(best(model, inputs, folder))
    packages = ("onnx2tf", "onnx", "onnxsim", "onnxruntime")
    return {**answer, "versions": {name: version(name) for name in packages}, "notes": notes(inputs)}


def reference(
    source: Any, model: Any, inputs: Sequence[Any], request: Mapping[str, Any], folder: Path
) -> dict[str, object]:
    """What the model computes: files with feeds (TFLite's layout), outputs and tensors (source's), and their names."""
    path = Path(request["path"])
    if request.get("feeds"):
        given = source.read_arrays(request["feeds"], folder)
        feeds = [{i.name: _to_tflite(i, a) for i, a in zip(inputs, feed.values(), strict=True)} for feed in given]
    else:
        feeds = source.make_feeds(model, inputs, source.read_arrays(request["samples"], folder))
    outputs = source.run(model, inputs, feeds, path)
    named = source.trace(model, inputs, feeds[0], path)
    return {
        "inputs": [item.name for item in inputs],
        "outputs": list(outputs[0]),
        "feeds": source.write_arrays("feed", feeds, folder),
        "references": request.get("references") or source.write_arrays("reference", outputs, folder),
        "tensors": [item.name for item in named],
        "trace": source.write_arrays("trace", [{item.name: item.array for item in named}], folder)[0],
    }


def _to_tflite(item: Any, array: Any) -> Any:
    return array.transpose(item.to_tflite) if item.to_tflite else array


def notes(inputs: Sequence[Any]) -> list[str]:
    """What the person should know about layouts."""
    return [
        f"input {item.name} was {item.shape} with channels first and is now {item.port.shape} with channels last"
        for item in inputs
        if item.to_tflite
    ]


def best(model: Any, inputs: Sequence[Any], folder: Path) -> bytes:
    """The better of the conversions with and without simplification: fewer transpositions, then fewer operators."""
    found: list[bytes] = []
    failures: list[str] = []
    for name, candidate in (("simple", simplified(model)), ("plain", model)):
        if candidate is None:
            continue
        try:
            found.append(convert(candidate, inputs, folder / name))
        except Exception as error:  # the door to onnx2tf, which raises whatever its parts raise
            failures.append(_reason(error))
    if not found:
        raise ConversionError(f"onnx2tf cannot convert the model: {failures[0] if failures else 'no reason given'}")
    return min(found, key=weight)


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


ConversionError.__name__ = "ModelError"  # the name by which the parent knows it


def simplified(model: Any) -> Any:
    """The model with constants folded and shapes inferred, or None where onnxsim cannot do that."""
    import onnxsim

    try:
        result, same = onnxsim.simplify(model)
    except Exception:  # the door to onnxsim; the plain model is converted then
        return None
    return result if same else None


def convert(model: Any, inputs: Sequence[Any], folder: Path) -> bytes:
    """The float TFLite model that onnx2tf makes in `folder`."""
    import os

    import onnx
    import onnx2tf

    os.environ.update(_OFFLINE)
    folder.mkdir()
    onnx.save(model, str(folder / "model.onnx"))
    onnx2tf.convert(
        input_onnx_file_path=str(folder / "model.onnx"),
        output_folder_path=str(folder / "out"),
        copy_onnx_input_output_names_to_tflite=True,
        keep_shape_absolutely_input_names=[item.name for item in inputs if not item.to_tflite] or None,
        non_verbose=True,
    )
    return (folder / "out" / "model_float32.tflite").read_bytes()


def weight(data: bytes) -> tuple[int, int, int]:
    """Numbers of custom operators, transpositions and operators of a TFLite model."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    kinds = [codes[op.opcodeIndex] for graph in model.subgraphs for op in graph.operators]
    builtin = schema.BuiltinOperator
    return kinds.count(builtin.CUSTOM), kinds.count(builtin.TRANSPOSE), len(kinds)
