"""Datasets without a dataset.toml: array files, `.tsv`, folders of images or wavs. Values are taken as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.data.columns import ArrayColumn, Column
from edgekit.data.dataset import Content, Dataset, InputSpec
from edgekit.data.folders import read_folder
from edgekit.data.labels import Labels, named
from edgekit.data.npz import ArrayFile
from edgekit.data.preprocessing import Preprocessing
from edgekit.data.tables import Table, id_rows

_LABEL_KEY, _NAMES_KEY = "y", "class_names"
_TOML = "describe it in a folder with dataset.toml (docs/datasets.md)"


def open_array_file(path: Path) -> Dataset:
    """A `.npz`: `y` are labels, `class_names` their names, every other key is an input. A `.npy`: the input `x`."""
    file = ArrayFile(path)
    columns: dict[str, Column] = {
        key or "x": _array(file, key) for key in file.keys if key not in (_LABEL_KEY, _NAMES_KEY)
    }
    if not columns:
        raise DatasetError(f"{path} has no array to be an input", "keys are input names, or x and y")
    names = tuple(str(name) for name in file.read(_NAMES_KEY)) if _NAMES_KEY in file.keys else ()
    labels = _labels(file, names) if _LABEL_KEY in file.keys else Labels()
    return _dataset(path, columns, labels, (path,))


def open_folder(path: Path) -> Dataset:
    """A folder of images (input `image`) or wavs (input `audio`); subfolders are classes."""
    found = read_folder(path)
    name = "audio" if found.column.spec.dtype == "int16" else "image"
    return _dataset(path, {name: found.column}, found.labels, found.paths)


def open_tsv(path: Path) -> Dataset:
    """Numbers, or ids between spaces, as the input `x`; of two columns or more the last is the label."""
    table = Table(path)
    labels = table.labels(-1, ()) if table.width > 1 else Labels()
    columns = tuple(range(max(1, table.width - 1)))
    ids = id_rows(table.texts(0)) if len(columns) == 1 else None
    if ids is None:
        try:
            ids = table.numbers(columns)
        except DatasetError as error:
            hint = f"text needs a vocabulary: {_TOML} with the operation 'tokens'"
            raise DatasetError(error.message, hint) from error
    return _dataset(path, {"x": ArrayColumn(ids, str(path))}, labels, (path,))


def _array(file: ArrayFile, key: str) -> ArrayColumn:
    array = file.read(key)
    where = f"{file.path}: {key}" if key else str(file.path)
    if not array.ndim:
        raise DatasetError(f"{where} is a single value, not one for each sample", _TOML)
    return ArrayColumn(array, where)


def _labels(file: ArrayFile, names: tuple[str, ...]) -> Labels:
    values = file.read(_LABEL_KEY)
    if values.dtype.kind == "U":
        return named([str(value) for value in values], names, str(file.path))
    return Labels(values, names)


def _dataset(path: Path, columns: dict[str, Column], labels: Labels, files: tuple[Path, ...]) -> Dataset:
    inputs = tuple(InputSpec.of(name, column.spec, Preprocessing()) for name, column in columns.items())
    count = len(next(iter(columns.values())))
    return Dataset(path.stem, Content(inputs, tuple(columns.values()), labels, np.arange(count), files))
