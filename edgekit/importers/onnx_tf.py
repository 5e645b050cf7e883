"""ONNX models through onnx-tf: the second way, for models that the first cannot take."""

from __future__ import annotations

from pathlib import Path

from edgekit.core.progress import Progress
from edgekit.importers.base import Imported, ImportOptions
from edgekit.importers.conversion import Converter
from edgekit.importers.environments import ensure
from edgekit.importers.onnx import import_onnx, looks_like_onnx


class OnnxTfImporter:
    """onnx-tf 1.10 with TensorFlow 2.15, which exist for Python 3.11 at most and for ONNX opsets up to 17."""

    def sniff(self, path: Path) -> bool:
        """An ONNX message."""
        return looks_like_onnx(path)

    def load(self, path: Path, options: ImportOptions, progress: Progress) -> Imported:
        """The model at `path`, channels last, batch 1. Raises ModelError, MissingError."""
        converter = Converter("onnx-tf", "ONNX", "onnx_tf_child.py", ensure("onnx-tf", progress), "onnx-tf")
        return import_onnx(converter, path, options, progress)
