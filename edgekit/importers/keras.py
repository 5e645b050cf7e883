"""Keras models: .keras archives, and .h5 files of Keras 3 and of the Keras 2 era."""

from __future__ import annotations

from pathlib import Path

from edgekit.core.errors import MissingError
from edgekit.core.extras import installed
from edgekit.core.progress import Progress
from edgekit.importers.base import Imported, ImportOptions
from edgekit.importers.conversion import Converter, convert
from edgekit.importers.sniff import HDF5_MAGIC, head, zip_names


class KerasImporter:
    """Converts with TensorFlow in a child process. Code in the file is refused unless `allow_unsafe` is set."""

    def sniff(self, path: Path) -> bool:
        """A zip archive with a Keras configuration, or an HDF5 file."""
        return head(path).startswith(HDF5_MAGIC) or "config.json" in zip_names(path)

    def load(self, path: Path, options: ImportOptions, progress: Progress) -> Imported:
        """The model at `path`, with batch 1. Raises ModelError, MissingError."""
        require_tensorflow()
        return convert(Converter("keras", "Keras", "keras_child.py"), path, options, progress)


def require_tensorflow() -> None:
    """Raises MissingError where the keras extra is not installed. Imports nothing."""
    missing = [module for module in ("tensorflow", "keras", "h5py") if not installed(module)]
    if missing:
        raise MissingError(f"this needs the Python package {missing[0]}", "pip install 'edgekit[keras]'")
