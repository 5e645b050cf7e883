"""ONNX -> model.tflite with onnx-tf and TensorFlow 2.15, in the backend's environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

_HINT = "use the importer onnx (onnx2tf), which knows newer ONNX"


def own_child() -> Any:
    """The onnx2tf child, with which this one shares everything but the converter."""
    root = str(Path(__file__).resolve().parents[3])
    sys.path.append(root)
    try:
        from edgekit.importers.children import onnx2tf_child
    finally:
        sys.path.remove(root)
    return onnx2tf_child


def main(request: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Convert `request["path"]`; leaves model.tflite, feeds, ONNX Runtime's outputs and its intermediate tensors."""
    shared = own_child()
    source = shared.own_module()
    model = source.read(Path(request["path"]))
    inputs = source.fix_shapes(model, request["input_shapes"])
    answer = shared.reference(source, model, inputs, request, folder)
    try:
        data = convert(model, inputs, answer["outputs"], folder / "saved_model")
    except Exception as error:  # the door to onnx-tf and TensorFlow, which raise whatever their parts raise
        raise shared.ConversionError(f"onnx-tf cannot convert the model: {source.first_line(error)}", _HINT) from error
    (folder / "model.tflite").write_bytes(data)
    packages = ("onnx-tf", "onnx", "onnxruntime", "tensorflow-cpu")
    return {**answer, "versions": {name: version(name) for name in packages}, "notes": shared.notes(inputs)}


def convert(model: Any, inputs: Sequence[Any], outputs: Sequence[str], folder: Path) -> bytes:
    """The float TFLite model. Its ports are called input_0…, output_0…, in the order given."""
    import onnx_tf.backend
    import tensorflow as tf

    graph = onnx_tf.backend.prepare(model, auto_cast=True).tf_module

    def compute(*tensors: Any) -> dict[str, Any]:
        feed = {item.name: _to_source(item, tensor) for item, tensor in zip(inputs, tensors)}  # noqa: B905
        found = graph(**feed)
        return {f"output_{at}": _to_last(found[name], inputs) for at, name in enumerate(outputs)}

    specs = [tf.TensorSpec(item.port.shape, item.dtype, name=f"input_{at}") for at, item in enumerate(inputs)]
    module = tf.Module()
    module.graph = graph
    module.compute = tf.function(compute, input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.compute})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=["serving_default"])
    return bytes(converter.convert())


def _to_source(item: Any, tensor: Any) -> Any:
    import numpy as np
    import tensorflow as tf

    return tf.transpose(tensor, np.argsort(item.to_tflite)) if item.to_tflite else tensor


def _to_last(tensor: Any, inputs: Sequence[Any]) -> Any:
    """Outputs that are images go channels last too, where an input did."""
    import tensorflow as tf

    moved = any(item.to_tflite for item in inputs) and len(tensor.shape) == 4
    return tf.transpose(tensor, (0, 2, 3, 1)) if moved else tensor
