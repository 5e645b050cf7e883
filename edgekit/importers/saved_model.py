"""TensorFlow SavedModel folders."""

from __future__ import annotations

from pathlib import Path

from edgekit.core.errors import ModelError
from edgekit.core.progress import Progress
from edgekit.importers.base import Imported, ImportOptions
from edgekit.importers.conversion import Converter, convert
from edgekit.importers.keras import require_tensorflow


class SavedModelImporter:
    """Converts the serving signature with TensorFlow in a child process; nothing else of the folder is loaded."""

    def sniff(self, path: Path) -> bool:
        """A folder with a saved_model.pb."""
        return path.is_dir() and (path / "saved_model.pb").is_file()

    def load(self, path: Path, options: ImportOptions, progress: Progress) -> Imported:
        """The signature "serving_default" (else the only one), with batch 1. Raises ModelError, MissingError."""
        if not self.sniff(path):
            raise ModelError(f"{path} is not a SavedModel: it has no saved_model.pb")
        require_tensorflow()
        return convert(Converter("saved-model", "SavedModel", "saved_model_child.py"), path, options, progress)
