"""Keras files as they are written, made without Keras: a configuration and weights are all there is to them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    """A Sequential model's configuration, as Keras 2 wrote it (Keras 3 reads it too)."""
    return {"class_name": "Sequential", "config": {"name": "m", "layers": list(layers)}}


def layer(kind: str, name: str, **config: Any) -> dict[str, Any]:
    """A layer of the Keras 2 era."""
    return {"class_name": kind, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}


def write_h5(path: Path, config: object, weights: dict[str, dict[str, np.ndarray]] | None = None) -> Path:
    """An .h5 model file: `weights` is layer name -> weight name -> array."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
        file.attrs["keras_version"] = "2.4.0"
        file.attrs["backend"] = "tensorflow"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights or {}]
        for name, arrays in (weights or {}).items():
            inner = group.create_group(name)
            inner.attrs["weight_names"] = [key.encode() for key in arrays]
            for key, array in arrays.items():
                inner[key] = array
    return path


def write_keras(path: Path, config: object) -> Path:
    """A .keras archive without weights: enough for what is refused before these are read."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", config if isinstance(config, str) else json.dumps(config))
        archive.writestr("model.weights.h5", b"")
    return path
