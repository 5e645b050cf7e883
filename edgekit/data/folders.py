"""Folders of files: subfolders are classes, in sorted order; a flat folder has no labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgekit.core.errors import DatasetError
from edgekit.data.columns import IMAGE_SUFFIXES, Column, ImageFiles, WavFiles, decode_wav
from edgekit.data.labels import Labels, named

_KINDS = dict.fromkeys(IMAGE_SUFFIXES, "image") | {".wav": "wav"}


@dataclass(frozen=True, slots=True)
class FileFolder:
    """The files of a folder in the order of their names, and the labels that its subfolders give."""

    column: Column
    paths: tuple[Path, ...]
    labels: Labels


def read_folder(folder: Path, rate: int = 0, names: tuple[str, ...] = ()) -> FileFolder:
    """Images or wavs below `folder`; `rate` in Hz, 0 for that of the first wav. Hidden and other files are left out.

    Raises DatasetError: nothing there, images and wavs mixed, files beside class folders.
    """
    if not folder.is_dir():
        raise DatasetError(f"there is no folder {folder}")
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    flat = _samples(folder)
    by_class = {sub.name: _samples(sub) for sub in classes}
    if flat and any(by_class.values()):
        raise DatasetError(f"{folder} has samples both beside and in its subfolders", "either all or none are labelled")
    paths = flat or [path for group in by_class.values() for path in group]
    texts = [name for name, group in by_class.items() for _ in group]
    labels = Labels() if flat else named(texts, names or _filled(by_class), str(folder))
    return FileFolder(_column(folder, paths, rate), tuple(paths), labels)


def _filled(by_class: dict[str, list[Path]]) -> tuple[str, ...]:
    return tuple(name for name, group in by_class.items() if group)


def _samples(folder: Path) -> list[Path]:
    return sorted(
        p for p in folder.iterdir() if p.suffix.lower() in _KINDS and not p.name.startswith(".") and p.is_file()
    )


def _column(folder: Path, paths: list[Path], rate: int) -> Column:
    kinds = {_KINDS[path.suffix.lower()] for path in paths}
    if not kinds:
        known = ", ".join(_KINDS)
        raise DatasetError(f"{folder} holds no images and no wavs", f"known: {known}, in it or in one folder a class")
    if len(kinds) > 1:
        raise DatasetError(f"{folder} holds both images and wavs", "a dataset has one kind of file")
    if kinds == {"image"}:
        return ImageFiles(tuple(paths))
    return WavFiles(tuple(paths), rate or decode_wav(paths[0].read_bytes(), str(paths[0]))[1])
