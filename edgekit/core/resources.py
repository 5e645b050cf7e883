"""Where the data folders of the project are, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from edgekit.core.errors import StorageError


def data_folder(name: str) -> Path:
    """The folder `targets` or `calibration_data`. Raises StorageError where it is not to be found."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / f"edgekit_{name}", package.parent / name):
        if folder.is_dir():
            return folder
    raise StorageError(f"the folder {name} of edgekit is missing", "install edgekit again")
