"""A dataset bound to the inputs of a model: checked once, then fed sample by sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.data.array_spec import TEXT, ArraySpec, fits, format_shape
from edgekit.data.dataset import Dataset, InputSpec


class PortLike(Protocol):
    """An input of a float model: `shape` with batch dimension (-1 unknown), `dtype` as numpy takes it."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A PortLike made of values."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


class Feed(NamedTuple):
    """What a model is given: arrays by the model's input names, batch dimension 1; and the label."""

    inputs: dict[str, np.ndarray]
    label: np.ndarray | int | None


@dataclass(frozen=True, slots=True)
class Binding:
    """A dataset, and for each input of the model the input of the dataset that feeds it."""

    dataset: Dataset
    pairs: tuple[tuple[PortLike, InputSpec], ...]

    @property
    def count(self) -> int:
        """How many feeds there are without a limit."""
        return self.dataset.count

    def feeds(self, limit: int | None = None) -> Iterator[Feed]:
        """One feed for each sample (see `Dataset.samples`). Raises DatasetError naming a sample that does not fit."""
        return (feed for _, feed in self.placed_feeds(limit))

    def placed_feeds(self, limit: int | None = None) -> Iterator[tuple[str, Feed]]:
        """As `feeds`, each with the place it comes from, for messages."""
        for place, sample in self.dataset.placed_samples(limit):
            inputs = {port.name: _fed(sample.inputs[spec.name], port, place) for port, spec in self.pairs}
            yield place, Feed(inputs, sample.label)


def bind(dataset: Dataset, ports: Sequence[PortLike]) -> Binding:
    """`dataset` for a model with the inputs `ports`: by name, or the one to the one.

    Shapes may differ by axes of length 1 and dtypes by a conversion without loss (or integer to float). Raises
    DatasetError that says what differs.
    """
    specs = {spec.name: spec for spec in dataset.inputs}
    if len(specs) == len(ports) == 1:
        pairs = [(ports[0], dataset.inputs[0])]
    else:
        pairs = [(port, specs[name]) for port in ports if (name := _match(port.name, specs)) is not None]
        if len(pairs) != len(ports) or len(specs) != len(ports):
            wanted, found = (", ".join(sorted(names)) for names in ((p.name for p in ports), specs))
            message = f"the dataset {dataset.name} has the inputs {found}; the model has {wanted}"
            raise DatasetError(message, "inputs are matched by name")
    for port, spec in pairs:
        _require_fit(dataset.name, port, spec)
    return Binding(dataset, tuple(pairs))


def _match(name: str, specs: Mapping[str, InputSpec]) -> str | None:
    """The dataset's name for the model input `name`, with or without what exporters add to it."""
    for candidate in (name, name.removesuffix(":0").removeprefix("serving_default_")):
        if candidate in specs:
            return candidate
    return None


def _require_fit(dataset: str, port: PortLike, spec: InputSpec) -> None:
    wanted = ArraySpec(tuple(port.shape[1:]), np.dtype(port.dtype).name)
    found = ArraySpec(spec.shape, spec.dtype)
    told = f"the input {spec.name!r} of the dataset {dataset} is {found}, but the model's {port.name!r} takes {wanted}"
    if port.shape and port.shape[0] not in (1, -1):
        raise DatasetError(
            f"the model's input {port.name!r} takes batches of {port.shape[0]}",
            f"fix it to 1: --input-shape {port.name}=1x{format_shape(wanted.shape)}",
        )
    if not fits(_squeezed(found.shape), _squeezed(wanted.shape)):
        raise DatasetError(told, "declare a preprocessing (resize, reshape, transpose, fit-length) in dataset.toml")
    if found.dtype == TEXT or not _convertible(np.dtype(found.dtype), np.dtype(port.dtype)):
        raise DatasetError(told, "declare a preprocessing (cast, scale, tokens) in dataset.toml")


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for n in shape if n != 1)


def _convertible(found: np.dtype, wanted: np.dtype) -> bool:
    """Any number to a float; integers to integers (checked by value when they are fed); bool only from bool."""
    if wanted.kind == "f":
        return found.kind in "fiub"
    return found.kind == wanted.kind or (found.kind in "iu" and wanted.kind in "iu")


def _fed(value: np.ndarray, port: PortLike, place: str) -> np.ndarray:
    dtype = np.dtype(port.dtype)
    if dtype.kind in "iu" and value.dtype != dtype and value.size:
        info = np.iinfo(dtype)
        if value.min() < info.min or value.max() > info.max:
            raise DatasetError(f"{place} has values that {port.name!r} cannot hold as {dtype.name}")
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise DatasetError(f"{place} has values that are not finite numbers (NaN or infinite)")
    shape = tuple(port.shape[1:])
    if not fits(_squeezed(value.shape), _squeezed(shape)):
        found = format_shape(value.shape)
        raise DatasetError(f"{place} is {found} after preprocessing, but {port.name!r} takes {format_shape(shape)}")
    if -1 not in shape:
        value = value.reshape(shape)
    fed = np.asarray(value, dtype, order="C")
    return fed[None] if port.shape else fed  # a scalar has no batch
