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
    """`onnx_source`; edgekit's folder is on the path only while it is imported: its neighbours are not for us."""
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
    plain = friendly(model)
    for name, candidate in (("simple", simplified(plain)), ("plain", plain)):
        if candidate is None:
            continue
        try:
            found.append(convert(candidate, inputs, folder / name))
        except Exception as error:  # noqa: BLE001 - the door to onnx2tf, which raises whatever its parts raise
            failures.append(_reason(error))
    if not found:
        raise ConversionError(f"onnx2tf cannot convert the model: {failures[0] if failures else 'no reason given'}")
    return min(found, key=weight)


def _reason(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


ConversionError.__name__ = "ModelError"  # the name by which the parent knows it


def friendly(model: Any) -> Any:
    """A copy in which two things are said in the way that onnx2tf 2.6.9 understands.

    Given a recurrent layer whose last state Y_h is read (it returns another part of the sequence)
    Result the last step of the sequence Y, which is the same for one direction and no sequence lengths.
    Given ReduceMean over the two axes of an image (it transposes the image first)
    Result GlobalAveragePool, reshaped where the axes are not kept.
    """
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in copy.graph.initializer}
    ranks = _ranks(model)
    replaced = [_last_step(node, copy) or _pooled(node, constants, ranks, copy) for node in copy.graph.node]
    nodes = [new for news in replaced for new in news]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def _ranks(model: Any) -> dict[str, int]:
    """Ranks of the tensors, where shape inference knows them."""
    import onnx

    values = onnx.shape_inference.infer_shapes(model).graph.value_info
    return {value.name: len(value.type.tensor_type.shape.dim) for value in values}


def _last_step(node: Any, model: Any) -> list[Any]:
    import numpy as np
    import onnx

    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    plain = attributes.get("direction", b"forward") == b"forward" and not attributes.get("layout", 0)
    lengths = len(node.input) > 4 and node.input[4]
    if node.op_type not in ("LSTM", "GRU", "RNN") or not plain or lengths or len(node.output) < 2 or not node.output[1]:
        return []
    last, sequence = node.output[1], node.output[0] or f"{node.output[1]}_sequence"
    node.output[0], node.output[1] = sequence, ""
    index = onnx.numpy_helper.from_array(np.array(-1), f"{last}_at")
    model.graph.initializer.append(index)
    return [node, onnx.helper.make_node("Gather", [sequence, index.name], [last], axis=0)]


def _pooled(node: Any, constants: Mapping[str, Any], ranks: Mapping[str, int], model: Any) -> list[Any]:
    import numpy as np
    import onnx

    if node.op_type != "ReduceMean" or ranks.get(node.input[0]) != 4:
        return [node]
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    axes = attributes.get("axes")
    if axes is None and len(node.input) > 1 and node.input[1] in constants:
        axes = onnx.numpy_helper.to_array(constants[node.input[1]]).tolist()
    if axes is None or {axis % 4 for axis in axes} != {2, 3}:
        return [node]
    if attributes.get("keepdims", 1):
        return [onnx.helper.make_node("GlobalAveragePool", [node.input[0]], [node.output[0]])]
    shape = onnx.numpy_helper.from_array(np.array([0, 0]), f"{node.output[0]}_shape")
    model.graph.initializer.append(shape)
    pooled = f"{node.output[0]}_pooled"
    return [
        onnx.helper.make_node("GlobalAveragePool", [node.input[0]], [pooled]),
        onnx.helper.make_node("Reshape", [pooled, shape.name], [node.output[0]]),
    ]


def simplified(model: Any) -> Any:
    """The model with constants folded and shapes inferred, or None where onnxsim cannot do that."""
    import onnxsim

    try:
        result, same = onnxsim.simplify(model)
    except Exception:  # noqa: BLE001 - the door to onnxsim; the plain model is converted then
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
