"""Results of stages, kept by content.

An entry is a folder named by the hash of everything that the result depends on. It appears with one
rename, so two builds at once cannot harm each other, and holds the hash of each of its files, so a
damaged entry is noticed and made again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from edgekit.core.errors import StorageError
from edgekit.core.files import new_folder, sha256_bytes, sha256_file, write_atomic

Key = Mapping[str, object]
_SEAL = "seal.json"


def default_cache_folder() -> Path:
    """`$EDGEKIT_CACHE`, else `$XDG_CACHE_HOME/edgekit`, else `~/.cache/edgekit`."""
    if chosen := os.environ.get("EDGEKIT_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgekit"


class Cache:
    """Stage results below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, stage: str, key: Key, make: Callable[[Path], None]) -> Path:
        """The folder with the result of `stage` for `key`, made by `make(folder)` if need be.

        `key` is JSON-able and holds all that the result depends on: hashes of the inputs, options,
        versions. What is interrupted or fails leaves no entry. Raises StorageError and whatever
        `make` raises.
        """
        entry = self.folder / stage / _digest(key)
        if entry.exists():
            if _intact(entry):
                return entry
            shutil.rmtree(entry, ignore_errors=True)
        with new_folder(entry) as staging:
            make(staging)
            write_atomic(staging / _SEAL, json.dumps(_seal(staging)).encode())
        shutil.rmtree(self.workspace(stage, key), ignore_errors=True)
        return entry

    def workspace(self, stage: str, key: Key) -> Path:
        """Where the making of an entry may keep what lets it go on after an interruption; `get` removes it."""
        return self.folder / f"{stage}-unfinished" / _digest(key)


def _digest(key: Key) -> str:
    return sha256_bytes(json.dumps(key, sort_keys=True).encode())[:32]


def _seal(entry: Path) -> dict[str, str]:
    files = sorted(p for p in entry.rglob("*") if p.is_file() and p.name != _SEAL)
    return {p.relative_to(entry).as_posix(): sha256_file(p) for p in files}


def _intact(entry: Path) -> bool:
    try:
        return bool(json.loads((entry / _SEAL).read_text()) == _seal(entry))
    except (OSError, ValueError, StorageError):
        return False
