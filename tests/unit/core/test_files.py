"""Files are whole or absent."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edgekit.core.errors import StorageError
from edgekit.core.files import new_folder, sha256_bytes, sha256_path, write_atomic


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_write_atomic_replaces_the_whole_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "f", b"old")
    write_atomic(tmp_path / "a" / "f", b"new")
    assert (tmp_path / "a" / "f").read_bytes() == b"new"
    assert names(tmp_path / "a") == ["f"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomic(tmp_path / "f", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_atomic(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"old"
    assert names(tmp_path) == ["f"]


def test_new_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with new_folder(tmp_path / "out") as folder:
            (folder / text).write_text(text)
    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["two"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_new_folder_leaves_nothing_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), new_folder(tmp_path / "out") as folder:
        (folder / "half").write_text("half")
        raise error
    assert names(tmp_path) == []


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"), new_folder(tmp_path / "file" / "out"):
        pass


def test_the_hash_of_a_folder_depends_on_names_and_contents(tmp_path: Path) -> None:
    seen = set()
    for name, data in (("a", b"1"), ("a", b"2"), ("b", b"2")):
        folder = tmp_path / f"{name}{data.decode()}"
        write_atomic(folder / name, data)
        seen.add(sha256_path(folder))
    assert len(seen) == 3
    assert sha256_path(tmp_path / "a1" / "a") == sha256_bytes(b"1")
