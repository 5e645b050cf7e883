"""What a file is, by its first bytes; and, where it is no model, a sentence that says what it is instead."""

from __future__ import annotations

import zipfile
from pathlib import Path

from edgekit.core.errors import StorageError

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"  # HDF5 file format specification, section II.A
_HEAD_BYTES = 512


def head(path: Path) -> bytes:
    """The first 512 bytes of a file, none of a folder. Raises StorageError."""
    if path.is_dir():
        return b""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error


def zip_names(path: Path) -> frozenset[str]:
    """The names in a zip archive; none where it is not one or is damaged."""
    if path.is_dir() or not head(path).startswith(b"PK"):
        return frozenset()
    try:
        with zipfile.ZipFile(path) as archive:
            return frozenset(archive.namelist())
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return frozenset()


def complaint(path: Path) -> str:
    """One sentence on why there is no model at `path`, which no importer knows."""
    if path.is_dir():
        return f"there is no model in the folder {path}: it has no saved_model.pb"
    first = head(path)
    if not first:
        return f"{path} is empty"
    return f"{path} is not a model: {_looks(path, first)}"


def _looks(path: Path, first: bytes) -> str:
    if first.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer, whose content was never fetched (git lfs pull)"
    if first.startswith(b"PK"):
        return "it is a zip archive that is damaged or holds neither a Keras model nor an exported PyTorch program"
    if first[:1] == b"\x80" and first[1:2] in b"\x02\x03\x04\x05":
        return "it is a Python pickle, and loading one runs code; export the model instead (torch.export.save)"
    if _is_text(first):
        return "it is a text file"
    expected = {".tflite": "the TFL3 identifier of a TFLite file is missing", ".keras": "it is not a zip archive"}
    expected |= dict.fromkeys((".h5", ".hdf5"), "the HDF5 signature is missing")
    return f"{expected.get(path.suffix.lower(), 'its content is of no kind that edgekit knows')}; it may be damaged"


def _is_text(first: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n\f" for byte in first)
