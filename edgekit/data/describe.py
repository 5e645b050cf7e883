"""A folder with `dataset.toml`: what its arrays, images, wavs or texts are. The grammar is in docs/datasets.md."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.data.columns import ArrayColumn, Column, PackedImages, RaggedColumn, TextColumn
from edgekit.data.dataset import Content, Dataset, InputSpec
from edgekit.data.folders import FileFolder, read_folder
from edgekit.data.labels import Labels, named
from edgekit.data.npz import ArrayFile
from edgekit.data.preprocessing import Preprocessing
from edgekit.data.strict import read_table, reject_unknown
from edgekit.data.tables import Table

DESCRIPTION = "dataset.toml"
SCHEMA = 1
_KEYS = ("schema", "name", "title", "source", "licence", "metric", "input", "label", "select")
_SOURCES = ("array", "jpeg", "column", "columns", "folder")


@dataclass(frozen=True, slots=True)
class InputTable:
    """`[[input]]` without its preprocessing: exactly one of array, jpeg, column, columns and folder says what it is."""

    name: str
    file: str = ""
    array: str | None = None
    offsets: str = ""
    jpeg: str | None = None
    column: int | None = None
    columns: tuple[int, ...] | None = None
    folder: str | None = None
    rate: int = 0


@dataclass(frozen=True, slots=True)
class LabelTable:
    """`[label]`: an array or a column; `names` are the classes, or `names_array` is the key of them."""

    file: str = ""
    array: str | None = None
    column: int | None = None
    names: tuple[str, ...] = ()
    names_array: str = ""


@dataclass(frozen=True, slots=True)
class SelectTable:
    """`[select]`: the samples taken, by `range` of positions and by an array (mask, positions, or a comparison)."""

    file: str = ""
    array: str | None = None
    starts_with: str | None = None
    range: tuple[int, ...] | None = None


def open_described(folder: Path) -> Dataset:
    """The dataset that `folder`/dataset.toml describes. Raises DatasetError naming file and key."""
    return _Description(folder).dataset()


class _Description:
    """The files that one dataset.toml names, each opened once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / DESCRIPTION
        self.table = _read_toml(self.path)
        self.files: dict[Path, ArrayFile | Table | None] = {}
        self.folders: list[FileFolder] = []
        self.default = ""

    def dataset(self) -> Dataset:
        reject_unknown(self.table, _KEYS, str(self.path))
        if self.table.get("schema") != SCHEMA:
            raise DatasetError(f"{self.path} must say schema = {SCHEMA}, not {self.table.get('schema')!r}")
        inputs, columns = self._inputs()
        labels = self._labels()
        rows = self._rows(len(columns[0]))
        declaration = {key: self.table.get(key) for key in ("input", "label", "select")}
        paths = sorted({*self.files, *(path for found in self.folders for path in found.paths)})
        content = Content(inputs, columns, labels, rows, tuple(paths), _jsonable(declaration))
        return Dataset(self._text("name") or self.folder.resolve().name, content, self._text("metric"))

    def _inputs(self) -> tuple[tuple[InputSpec, ...], tuple[Column, ...]]:
        tables = self.table.get("input")
        if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
            raise DatasetError(f"{self.path} has no [[input]]", "one for each input of the model")
        read = [self._input(table, f"{self.path}: input[{i}]") for i, table in enumerate(tables)]
        return tuple(spec for spec, _ in read), tuple(column for _, column in read)

    def _input(self, table: Mapping[str, object], where: str) -> tuple[InputSpec, Column]:
        rest = dict(table)
        operations = rest.pop("preprocessing", [])
        if not isinstance(operations, list):
            raise DatasetError(f"{where}: preprocessing must be a list of tables")
        declared = read_table(InputTable, rest, where)
        self.default = self.default or declared.file
        column = self._column(declared, where)
        steps = [self._operation(operation, where) for operation in operations]
        preprocessing = Preprocessing.from_json(steps, f"{where}: preprocessing")
        _require_rate(declared, column, preprocessing, where)
        try:
            return InputSpec.of(declared.name, column.spec, preprocessing), column
        except DatasetError as error:
            raise DatasetError(f"{self.path}: {error.message}", error.hint) from error

    def _operation(self, operation: object, where: str) -> object:
        """`operation`, with the words of its vocabulary file in place of the file's name."""
        if not isinstance(operation, dict) or "vocabulary" not in operation or operation.get("op") != "tokens":
            return operation
        path = self._path(operation["vocabulary"], f"{where}: vocabulary")
        self.files.setdefault(path, None)
        return {**{k: v for k, v in operation.items() if k != "vocabulary"}, "words": _read_words(path)}

    def _column(self, table: InputTable, where: str) -> Column:
        given = [key for key in _SOURCES if getattr(table, key) is not None]
        if len(given) != 1 and not (not given and table.file.endswith(".npy")):
            raise DatasetError(f"{where} must have exactly one of {', '.join(_SOURCES)}; it has {len(given)}")
        if table.folder is not None:
            self.folders.append(read_folder(self._path(table.folder, f"{where}: folder"), table.rate, self._names()))
            return self.folders[-1].column
        if table.column is not None:
            return TextColumn(self._tsv(table.file).texts(table.column), str(self.folder / table.file))
        if table.columns is not None:
            return ArrayColumn(self._tsv(table.file).numbers(table.columns), str(self.folder / table.file))
        return self._array_column(table, where)

    def _array_column(self, table: InputTable, where: str) -> Column:
        key = table.jpeg if table.jpeg is not None else table.array or ""
        array, place = self._array(table.file, key), f"{self.folder / table.file}: {key}"
        if not array.ndim:
            raise DatasetError(f"{where}: the array {key!r} is a single value, not one for each sample")
        if not table.offsets:
            if table.jpeg is not None:
                raise DatasetError(f"{where}: jpeg needs offsets, the key of the array that says where images begin")
            return ArrayColumn(array, place)
        ragged = RaggedColumn(array, self._array(table.file, table.offsets), place)
        return ragged if table.jpeg is None else PackedImages(ragged)

    def _labels(self) -> Labels:
        if "label" not in self.table:
            return next((f.labels for f in self.folders if f.labels.values is not None), Labels())
        table, names, where = self._label_table(), self._names(), f"{self.path}: label"
        if table.array is not None:
            values = self._array(table.file, table.array)
            return named([str(v) for v in values], names, where) if values.dtype.kind == "U" else Labels(values, names)
        if table.column is not None:
            return self._tsv(table.file).labels(table.column, names)
        if not any(f.labels.values is not None for f in self.folders):
            raise DatasetError(f"{where} must have array or column", "only class folders give labels by themselves")
        return next(f.labels for f in self.folders if f.labels.values is not None)

    def _label_table(self) -> LabelTable:
        return read_table(LabelTable, self._subtable("label"), f"{self.path}: label")

    def _names(self) -> tuple[str, ...]:
        table = self._label_table()
        if table.names_array:
            return tuple(str(name) for name in self._array(table.file, table.names_array).ravel())
        return table.names

    def _rows(self, count: int) -> np.ndarray:
        where = f"{self.path}: select"
        rest = self._subtable("select")
        equals = rest.pop("equals", None)
        table = read_table(SelectTable, rest, where)
        rows = np.arange(count)
        if table.array is not None:
            rows = _chosen(self._array(table.file, table.array), count, table.starts_with, equals, where)
        elif equals is not None or table.starts_with is not None:
            raise DatasetError(f"{where} compares but names no array")
        if table.range is None:
            return rows
        if len(table.range) != 2 or not 0 <= table.range[0] < table.range[1] <= len(rows):
            raise DatasetError(f"{where}: range must be [first, end] within 0 and {len(rows)}")
        return rows[table.range[0] : table.range[1]]

    def _array(self, file: str, key: str) -> np.ndarray:
        path = self._path(file or self.default, f"{self.path}: file")
        if path.suffix not in (".npz", ".npy"):
            raise DatasetError(f"{self.path}: {path.name} is not a .npz or .npy, so it has no arrays")
        opened = self.files.get(path) or ArrayFile(path)
        self.files[path] = opened
        assert isinstance(opened, ArrayFile)
        return opened.read("" if path.suffix == ".npy" else key)

    def _tsv(self, file: str) -> Table:
        path = self._path(file or self.default, f"{self.path}: file")
        if path.suffix != ".tsv":
            raise DatasetError(f"{self.path}: {path.name} is not a .tsv, so it has no columns")
        opened = self.files.get(path) or Table(path)
        self.files[path] = opened
        assert isinstance(opened, Table)
        return opened

    def _path(self, name: object, where: str) -> Path:
        if not isinstance(name, str) or not name:
            raise DatasetError(f"{where} must name a file or folder beside {DESCRIPTION}, not {name!r}")
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
            raise DatasetError(f"{where} {name!r} leaves the dataset's folder", "put the data beside dataset.toml")
        path = self.folder / name
        if not path.exists():
            raise DatasetError(f"{where}: there is no {path}")
        return path

    def _subtable(self, key: str) -> dict[str, object]:
        table = self.table.get(key, {})
        if not isinstance(table, dict):
            raise DatasetError(f"{self.path}: {key} must be a table, [{key}]")
        return dict(table)

    def _text(self, key: str) -> str | None:
        value = self.table.get(key)
        if value is not None and not isinstance(value, str):
            raise DatasetError(f"{self.path}: {key} must be a text, not {value!r}")
        return value


def _chosen(array: np.ndarray, count: int, starts_with: str | None, equals: object, where: str) -> np.ndarray:
    """The positions that a mask, an array of positions, or a comparison of each value takes."""
    if starts_with is not None:
        array = np.char.startswith(array, starts_with) if array.dtype.kind == "U" else np.zeros(len(array), bool)
    elif equals is not None:
        array = array == equals
    if array.dtype.kind == "b":
        if array.shape != (count,):
            raise DatasetError(f"{where} says yes or no for {array.size} samples of {count}")
        return np.flatnonzero(array)
    if array.ndim != 1 or array.dtype.kind not in "iu" or (len(array) and (array.min() < 0 or array.max() >= count)):
        raise DatasetError(f"{where} must be a mask, or positions from 0 to {count - 1}")
    return array.astype(np.int64)


def _require_rate(table: InputTable, column: Column, preprocessing: Preprocessing, where: str) -> None:
    rate = table.rate or getattr(column, "rate", 0)
    for operation in preprocessing.operations:
        wanted = getattr(operation, "rate", rate)
        if rate and wanted != rate:
            raise DatasetError(f"{where} has {rate} samples a second, its {operation.op} wants {wanted}")


def _read_toml(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").removesuffix("\n").replace("\r\n", "\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"the vocabulary {path} cannot be read: {error}") from error


def _jsonable(value: object) -> object:
    """TOML has dates and times, which JSON has not."""
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
