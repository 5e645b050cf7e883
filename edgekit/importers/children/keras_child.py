"""Keras file -> model.tflite, in a process of its own."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.importers.children import tf_conversion as tail
from edgekit.importers.keras_config import modernised, objections
from edgekit.importers.selfcheck import Departure, Feed, Named, Port, compare, feeds_for, first_departure, require


def main(request: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Convert `request["path"]`; answers with versions, notes and the self check."""
    path = Path(request["path"])
    config = read_config(path)
    refuse_code(config, path, allowed=request["allow_unsafe"])
    model = load(path, config, folder, safe=not request["allow_unsafe"])
    ports, notes = fix_ports(model, request["input_shapes"])
    export(model, ports, folder / "saved")
    data = tail.to_tflite(folder / "saved")
    (folder / "model.tflite").write_bytes(data)
    feeds = feeds_for(ports, tail.read_samples(request["samples"], folder), tail.index_bound(data))
    agreement = compare([call(model, ports, feed) for feed in feeds], tail.run_tflite(data, feeds, ports))
    departure = None if agreement.holds else where_they_part(model, ports, data, feeds[0])
    require(agreement, str(path), departure)
    import keras
    import tensorflow as tf

    return {"versions": tail.versions(keras, tf), "notes": notes, "check": agreement.to_json()}


def read_config(path: Path) -> Any:
    """The model's configuration, of which nothing is run. Raises ModelError for damage and weights-only files."""
    try:
        text = _zip_config(path) if zipfile.is_zipfile(path) else _hdf5_config(path)
        config = json.loads(text)
        modernised(config)  # nothing below goes deeper than this
        return config
    except RecursionError as error:
        raise ModelError(f"{path} is damaged: its configuration is nested too deeply") from error
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is damaged: {_first_line(error)}") from error


def _zip_config(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        if broken := archive.testzip():
            raise ModelError(f"{path} is damaged: its part {broken} has a wrong checksum")
        return archive.read("config.json")


def _hdf5_config(path: Path) -> str | bytes:
    import h5py

    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise ModelError(f"{path} holds no Keras model, at most its weights", "save the whole model: model.save(…)")
        config: str | bytes = file.attrs["model_config"]
        return config


def refuse_code(config: Any, path: Path, *, allowed: bool) -> None:
    """Raises ModelError where loading the model would run code from the file, or needs code that is not there."""
    for objection in objections(config):
        if not objection.curable:
            hint = "export it where that code is, with model.export(folder), and import the SavedModel"
            raise ModelError(f"{path} cannot be loaded: {objection.reason}", hint)
        if not allowed:
            hint = "if you trust whoever made the file: --allow-unsafe"
            raise ModelError(f"{path} would run code of its own: {objection.reason}", hint)


def load(path: Path, config: Any, folder: Path, *, safe: bool) -> Any:
    """The Keras model. What Keras 2 wrote and Keras 3 refuses is taken out of a copy first."""
    import keras

    clean = modernised(config)
    if clean != config and not zipfile.is_zipfile(path):
        path = _with_config(path, clean, folder / "modern.h5")
    suffix = ".keras" if zipfile.is_zipfile(path) else ".h5"
    if path.suffix.lower() != suffix:  # Keras goes by the name
        path = Path(shutil.copy(path, folder / f"source{suffix}"))
    try:
        return keras.models.load_model(path, compile=False, safe_mode=safe)
    except Exception as error:  # the door to Keras, which raises whatever its layers raise
        raise ModelError(f"Keras cannot load {path}: {_first_line(error)}") from error


def _with_config(path: Path, config: Any, copy: Path) -> Path:
    import h5py

    shutil.copy(path, copy)
    copy.chmod(0o600)
    with h5py.File(copy, "r+") as file:
        file.attrs["model_config"] = json.dumps(config)
    return copy


def fix_ports(model: Any, wanted: Mapping[str, Sequence[int]]) -> tuple[list[Port], list[str]]:
    """The inputs with fixed shapes, and notes on what was fixed."""
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise ModelError(f"the Keras model {model.name} has no known inputs: it was saved before it was built")
    names = _names([tensor.name for tensor in inputs])
    tail.refuse_unknown_inputs(names, wanted)
    shapes = [tail.fixed_shape(n, t.shape, wanted, len(names) == 1) for n, t in zip(names, inputs, strict=True)]
    ports = [Port(n, s, t.dtype) for n, s, t in zip(names, shapes, inputs, strict=True)]
    open_batch = any(t.shape and t.shape[0] is None for t in inputs) and all(s[:1] == (1,) for s in shapes)
    return ports, ["the open batch was fixed to 1"] if open_batch else []


def outputs_by_name(model: Any, outputs: Any) -> dict[str, Any]:
    """The model's outputs by their keys, or by the names of the layers that make them."""
    import keras

    flat = keras.tree.flatten(outputs)
    if isinstance(outputs, dict):
        return {re.sub(r"\W", "_", str(key)): outputs[key] for key in outputs}
    last = [model.layers[-1].name] if isinstance(model, keras.Sequential) else []
    names = list(getattr(model, "output_names", last) or last)
    if len(names) != len(flat):
        names = [f"output_{number}" for number in range(len(flat))]
    return dict(zip(_names(names), flat, strict=True))


def _names(names: Sequence[str]) -> list[str]:
    """Names that are identifiers and differ."""
    clean: list[str] = []
    for name in names:
        base = candidate = re.sub(r"\W", "_", name) or "tensor"
        number = 0
        while candidate in clean:
            number += 1
            candidate = f"{base}_{number}"
        clean.append(candidate)
    return clean


def forward(model: Any, tensors: Sequence[Any]) -> dict[str, Any]:
    """Outputs by name for inputs in the model's order."""
    import keras

    alone = isinstance(model, keras.Sequential)  # which does not know its input before it is called
    structure = tensors[0] if alone else keras.tree.pack_sequence_as(model.input, list(tensors))
    return outputs_by_name(model, model(structure, training=False))


def export(model: Any, ports: Sequence[Port], folder: Path) -> None:
    """A SavedModel of `model` with fixed shapes: so traced, recurrent layers become loops and no shape is computed."""
    import keras
    import tensorflow as tf

    def serve(*tensors: Any) -> dict[str, Any]:
        return forward(model, tensors)

    archive = keras.export.ExportArchive()
    archive.track(model)
    specs = [tf.TensorSpec(port.shape, port.dtype, name=port.name) for port in ports]
    try:
        archive.add_endpoint(tail.SIGNATURE, serve, input_signature=specs)
        archive.write_out(str(folder), verbose=False)
    except Exception as error:  # the door to the layers, which raise whatever they like when a shape does not suit them
        raise ModelError(f"the Keras model cannot be traced with these shapes: {_first_line(error)}") from error


def call(model: Any, ports: Sequence[Port], feed: Feed) -> dict[str, Any]:
    """Outputs of the Keras model as arrays."""
    tensors = [feed[port.name] for port in ports]
    return {name: np.asarray(value) for name, value in forward(model, tensors).items()}


def where_they_part(model: Any, ports: Sequence[Port], data: bytes, feed: Feed) -> Departure | None:
    """The first layer whose output the TFLite model does not compute. Nested models are not looked into."""
    import keras

    layers = [layer for layer in model.layers if not isinstance(layer, keras.Model)]
    outputs = [(layer.name, layer.output) for layer in layers if keras.backend.is_keras_tensor(layer.output)]
    probe = keras.Model(model.inputs, [output for _, output in outputs])
    values = probe([feed[port.name] for port in ports], training=False)
    named = [Named(name, np.asarray(value)) for (name, _), value in zip(outputs, values, strict=True)]
    return first_departure(named, tail.tflite_tensors(data, feed))


def _first_line(error: BaseException) -> str:
    """The first sentence of a foreign error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
