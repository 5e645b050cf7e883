"""Measurements, which come to a bundle after it was built."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from edgekit.bundle.manifest import MANIFEST, Manifest
from edgekit.bundle.read import read_manifest
from edgekit.core.errors import StorageError, UsageError
from edgekit.core.files import write_atomic
from edgekit.core.records import JsonObject, to_record


def add_measurement(folder: Path, measurement: JsonObject) -> Manifest:
    """Append `measurement` to the manifest in `folder`; the digest and every other file stay as they are.

    Two that add at the same time wait for each other; a reader sees the manifest before or after.
    Raises UsageError for a packed bundle, ModelError for a damaged manifest, StorageError.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no bundle folder", "unpack a packed bundle before you measure it")
    with _locked(folder):
        old = read_manifest(folder)
        new = dataclasses.replace(old, measurements=(*old.measurements, to_record(measurement)))
        write_atomic(folder / MANIFEST, new.to_bytes())
    return new


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it if the process dies."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise StorageError(f"cannot read {folder}: {error.strerror or error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
