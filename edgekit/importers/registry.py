"""Which importer takes a file: told by its content, not by its name."""

from __future__ import annotations

from pathlib import Path

from edgekit.core.errors import ModelError, UsageError
from edgekit.core.progress import Progress
from edgekit.core.registry import Registry
from edgekit.importers.base import Imported, Importer, ImportOptions
from edgekit.importers.sniff import complaint

IMPORTERS: Registry[type[Importer]] = Registry(
    "importer",
    {
        "tflite": ("edgekit.importers.tflite:TfliteImporter", "TensorFlow Lite models, also without signatures"),
        "saved-model": ("edgekit.importers.saved_model:SavedModelImporter", "TensorFlow SavedModel folders"),
        "keras": ("edgekit.importers.keras:KerasImporter", "Keras .keras files and .h5 files of Keras 2 and 3"),
        "onnx": ("edgekit.importers.onnx:OnnxImporter", "ONNX through onnx2tf, in its own environment"),
        "onnx-tf": ("edgekit.importers.onnx_tf:OnnxTfImporter", "ONNX through onnx-tf, in its own environment"),
        "pytorch": ("edgekit.importers.pytorch:PytorchImporter", "PyTorch exported programs (.pt2)"),
    },
)
"""Asked in this order; the first that knows the file takes it."""


def pick(path: Path, name: str | None = None) -> Importer:
    """The importer called `name`, or else the first that knows what is at `path`.

    Raises UsageError where there is nothing at `path` or no importer of that name, and ModelError, saying what the
    file is instead, where nothing fits.
    """
    if not path.exists():
        raise UsageError(f"there is no model at {path}")
    if name:
        return _named(path, name)
    for known in IMPORTERS:
        importer = IMPORTERS.load(known)()
        if importer.sniff(path):
            return importer
    raise ModelError(complaint(path), "readable: .tflite, .keras, .h5, SavedModel folders, .onnx, .pt2")


def _named(path: Path, name: str) -> Importer:
    """The importer called `name`; asked first, so that no backend is installed for a file that is none of its."""
    importer = IMPORTERS.load(name)()
    if not importer.sniff(path):
        raise ModelError(f"{path} is not what the importer {name} reads: {IMPORTERS.summary(name)}")
    return importer


def import_model(path: Path, options: ImportOptions, progress: Progress) -> Imported:
    """The model at `path`, checked, with the report of its import. Raises ModelError, MissingError and UsageError."""
    return pick(path, options.importer).load(path, options, progress)
