"""A dataset: samples with one declared preprocessing, streamed one by one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.core.files import sha256_file
from edgekit.data.array_spec import ArraySpec
from edgekit.data.columns import Column
from edgekit.data.labels import Labels, validate_labels
from edgekit.data.preprocessing import Preprocessing

METRICS = ("top1", "top5", "auc", "rmse", "miou")
"""What a dataset can ask verification for."""

_GOLDEN = 0.6180339887498949  # 1 / golden ratio: its multiples, modulo 1, are spread evenly and never repeat


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample, preprocessed: arrays by input name, without batch dimension, and the label if there is one."""

    inputs: dict[str, np.ndarray]
    label: np.ndarray | int | None = None


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input: name, shape (no batch dimension, -1 differs) and numpy dtype after `preprocessing`; `raw` before."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    preprocessing: Preprocessing
    raw: ArraySpec

    @classmethod
    def of(cls, name: str, raw: ArraySpec, preprocessing: Preprocessing) -> InputSpec:
        """The spec that follows from the raw values. Raises DatasetError naming the operation that does not fit."""
        try:
            result = preprocessing.result(raw)
        except DatasetError as error:
            raise DatasetError(f"the input {name!r} cannot be preprocessed: {error.message}", error.hint) from error
        return cls(name, result.shape, result.dtype, preprocessing, raw)

    def to_json(self) -> dict[str, object]:
        """For the manifest: what a device needs to feed the model as the dataset does."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "raw": {"shape": list(self.raw.shape), "dtype": self.raw.dtype},
            "preprocessing": self.preprocessing.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Content:
    """What a dataset is made of: `columns[i]` holds the raw values of `inputs[i]`; `rows` are the positions taken."""

    inputs: tuple[InputSpec, ...]
    columns: tuple[Column, ...]
    labels: Labels
    rows: np.ndarray
    files: tuple[Path, ...]
    declaration: object = None
    """JSON-able: which parts of the files are meant. Part of the digest."""


class Dataset:
    """Samples, in an order that never changes. Made by `open_dataset`.

    Args:
        name: for reports.
        content: columns, labels and rows. Raises DatasetError when they do not fit together.
        metric: one of `METRICS`, or None to take what suits the labels.
    """

    def __init__(self, name: str, content: Content, metric: str | None = None) -> None:
        _validate(name, content, metric)
        self.name = name
        self.metric = metric or _default_metric(content.labels.values)
        self._content = content

    @property
    def inputs(self) -> tuple[InputSpec, ...]:
        """The inputs, in the order of the declaration."""
        return self._content.inputs

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes by number; empty when they have none."""
        return self._content.labels.names

    @property
    def has_labels(self) -> bool:
        """Whether samples have labels."""
        return self._content.labels.values is not None

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self._content.rows)

    @cached_property
    def digest(self) -> str:
        """sha256 over the content of the files, what is taken from them, and the preprocessing."""
        content = self._content
        declared = {
            "inputs": [spec.to_json() for spec in content.inputs],
            "labels": self.labels,
            "metric": self.metric,
            "declaration": content.declaration,
        }
        digest = hashlib.sha256(json.dumps(declared, sort_keys=True).encode())
        if content.labels.values is not None:  # in class folders a label is in no file
            digest.update(np.ascontiguousarray(content.labels.values).tobytes())
        for path in content.files:
            digest.update(sha256_file(path).encode())
        return digest.hexdigest()

    def samples(self, limit: int | None = None) -> Iterator[Sample]:
        """The samples, one at a time; with `limit` as many, spread evenly and always the same ones.

        Raises DatasetError naming the sample that is damaged.
        """
        return (sample for _, sample in self.placed_samples(limit))

    def placed_samples(self, limit: int | None = None) -> Iterator[tuple[str, Sample]]:
        """As `samples`, each with the place it comes from, for messages."""
        for row in self._content.rows[spread(self.count, limit)]:
            yield self._content.columns[0].place(int(row)), self._sample(int(row))

    def _sample(self, row: int) -> Sample:
        arrays = {}
        for spec, column in zip(self._content.inputs, self._content.columns, strict=True):
            raw = column.read(row)
            try:
                arrays[spec.name] = spec.preprocessing.apply(raw)
            except DatasetError as error:
                raise DatasetError(f"{column.place(row)}: {error.message}", error.hint) from error
        return Sample(arrays, _label(self._content.labels.values, row))


def spread(count: int, limit: int | None) -> np.ndarray:
    """`limit` of `count` positions, rising, one from each of `limit` equal parts (all when limit is None or larger).

    Where in its part moves with the golden ratio: always the first of each would meet the same class again and again
    in a dataset whose classes take turns.
    """
    if limit is None or limit >= count:
        return np.arange(count)
    if limit < 1:
        raise DatasetError(f"{limit} samples were asked for; at least 1 is needed")
    part = np.arange(limit)
    start, end = part * count // limit, (part + 1) * count // limit
    return start + (((part + 1) * _GOLDEN) % 1 * (end - start)).astype(np.int64)


def _label(values: np.ndarray | None, row: int) -> np.ndarray | int | None:
    if values is None:
        return None
    label = np.asarray(values[row])
    return int(label) if label.ndim == 0 and label.dtype.kind in "iub" else label


def _default_metric(values: np.ndarray | None) -> str | None:
    if values is None:
        return None
    if values.dtype.kind == "f":
        return "rmse"
    return "top1" if values.ndim == 1 else "miou"


def _validate(name: str, content: Content, metric: str | None) -> None:
    if metric is not None and metric not in METRICS:
        raise DatasetError(f"the dataset {name} has an unknown metric {metric!r}", f"known: {', '.join(METRICS)}")
    if metric and content.labels.values is None:
        raise DatasetError(f"the dataset {name} declares the metric {metric!r} but has no labels")
    names = [spec.name for spec in content.inputs]
    if not names or len(set(names)) != len(names):
        raise DatasetError(f"the dataset {name} needs inputs, each with a name of its own; it has {names}")
    counts = {spec.name: len(column) for spec, column in zip(content.inputs, content.columns, strict=True)}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{key} has {count}" for key, count in counts.items())
        raise DatasetError(f"the inputs of {name} have different numbers of samples: {told}")
    if not len(content.rows):
        raise DatasetError(f"the dataset {name} has no samples")
    validate_labels(content.labels, counts[names[0]], f"the dataset {name}")


def open_dataset(path: Path) -> Dataset:
    """The dataset at `path`: a folder with dataset.toml, `.npz`, `.npy`, `.tsv`, or a folder of images or wavs.

    Raises DatasetError with one sentence that says what is wrong and where.
    """
    # The openers know Dataset; a function that chooses among them is the one place that knows them.
    from edgekit.data.bare import open_array_file, open_folder, open_tsv
    from edgekit.data.describe import DESCRIPTION, open_described

    if not path.exists():
        raise DatasetError(f"there is no dataset at {path}")
    if path.is_dir():
        return open_described(path) if (path / DESCRIPTION).exists() else open_folder(path)
    if path.name == DESCRIPTION:
        return open_described(path.parent)
    openers = {".npz": open_array_file, ".npy": open_array_file, ".tsv": open_tsv}
    if path.suffix not in openers:
        raise DatasetError(f"{path} is not a dataset", "a folder with dataset.toml, .npz, .npy, .tsv, images or wavs")
    return openers[path.suffix](path)
