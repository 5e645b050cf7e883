"""What a training learns from, as files: the samples, and what the original says to them, computed once by LiteRT."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.distill.batches import Order
from edgekit.compress.distill.targets import Match
from edgekit.compress.probe import Feed, Probe
from edgekit.compress.step import LabelledSamples, Setting
from edgekit.core.errors import UsageError
from edgekit.core.files import write_atomic
from edgekit.core.progress import tracked
from edgekit.graph.model import Model

Array = npt.NDArray[Any]
_DONE = "data.json"


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Samples (count, …) by the names of the model's inputs, the teacher's outputs, labels (-1: none) or None."""

    inputs: Mapping[str, Array]
    outputs: tuple[Array, ...]
    labels: Array | None

    @staticmethod
    def open(folder: Path) -> Prepared:
        """What `write` left in `folder`; arrays stay on disk until they are read."""
        told = json.loads((folder / _DONE).read_text())
        arrays = {name: np.load(folder / f"input{n}.npy", mmap_mode="r") for n, name in enumerate(told["inputs"])}
        outputs = tuple(np.load(folder / f"output{n}.npy", mmap_mode="r") for n in range(told["outputs"]))
        return Prepared(arrays, outputs, np.load(folder / "labels.npy") if told["labels"] else None)

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(next(iter(self.inputs.values())))

    def batch(self, order: Order) -> dict[str, Array]:
        """Some samples."""
        return {name: np.ascontiguousarray(array[order]) for name, array in self.inputs.items()}

    def targets(self, order: Order) -> list[Array]:
        """What the teacher says to them, one array for each output."""
        return [np.ascontiguousarray(array[order]) for array in self.outputs]

    def labels_of(self, order: Order) -> Array | None:
        """Their labels."""
        return None if self.labels is None else self.labels[order]


def write(folder: Path, teacher: Model, matches: Sequence[Match], setting: Setting, limit: int | None) -> None:
    """Fill `folder` with what `Prepared` reads, unless an earlier run has done so."""
    if (folder / _DONE).exists():
        return
    count = _count(setting, limit)
    watched = [teacher.main.tensors[match.teacher] for match in matches]
    probe, names = Probe(teacher, watched), [port.name for port in teacher.inputs()]
    inputs: list[Array] = []
    outputs: list[Array] = []
    labels = np.full(count, -1, np.int64)
    given = _samples(setting, limit, watched[0].shape[-1])
    feeds = tracked(given, "the original's outputs", count, setting.progress)
    for number, (feed, label) in enumerate(feeds):
        labels[number] = label
        seen = probe.see(feed)
        if not inputs:
            shapes = [(np.asarray(feed[name]).shape[1:], np.asarray(feed[name]).dtype) for name in names]
            inputs = [_file(folder / f"input{n}.npy", (count, *s), d) for n, (s, d) in enumerate(shapes)]
            outputs = [_file(folder / f"output{n}.npy", (count, *a.shape), np.float32) for n, a in enumerate(seen)]
        for array, name in zip(inputs, names, strict=True):
            array[number] = np.asarray(feed[name])[0]
        for array, value in zip(outputs, seen, strict=True):
            array[number] = value
    np.save(folder / "labels.npy", labels)
    told = {"inputs": names, "outputs": len(outputs), "labels": bool((labels >= 0).any())}
    write_atomic(folder / _DONE, json.dumps(told).encode())


def _file(path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    return np.lib.format.open_memmap(path, "w+", np.dtype(dtype), shape)


def _count(setting: Setting, limit: int | None) -> int:
    total = 0 if setting.samples is None else min(setting.samples.count, limit or setting.samples.count)
    total += 0 if setting.training is None else setting.training.count
    if total < 2:
        raise UsageError(f"distill needs at least 2 samples to learn from, and there are {total}", "give --calibration")
    return total


def _samples(setting: Setting, limit: int | None, classes: int) -> Iterator[tuple[Feed, int]]:
    """Calibration samples, then training samples with their labels."""
    plain = () if setting.samples is None else ((feed, -1) for feed in setting.samples.feeds(limit))
    labelled = () if setting.training is None else _labelled(setting.training, classes)
    return chain(plain, labelled)


def _labelled(training: LabelledSamples, classes: int) -> Iterator[tuple[Feed, int]]:
    for feed, label in training.labelled(None):
        if np.ndim(label) or np.asarray(label).dtype.kind not in "iu":
            raise UsageError("distill learns from labels that are numbers of classes; the training samples have others")
        if not 0 <= int(label) < classes:
            raise UsageError(f"a training sample has the label {label}; the model has {classes} classes, from 0")
        yield feed, int(label)
