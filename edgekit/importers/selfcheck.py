"""Is the imported model the same function as its source? Pure: arrays in, numbers and names out.

Used inside the child processes, where the source framework and the float TFLite model run on the same samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import ModelError
from edgekit.importers.base import MAX_RELATIVE_DIFFERENCE

Array = NDArray[Any]
Feed = Mapping[str, Array]
RANDOM_SAMPLES = 4
MOST_SAMPLES = 8
DEFAULT_INDEX_BOUND = 10
"""Random integer inputs stay below this where the model looks nothing up."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input as both sides take it: `shape` with batch, `dtype` a numpy name."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two models are apart, over all samples.

    Attributes:
        max_abs, max_rel: largest difference of any element; of the output's range (which has 0 in it).
        output: the output that differs most.
    """

    max_abs: float
    max_rel: float
    output: str
    sample_count: int

    @property
    def holds(self) -> bool:
        """Whether this is rounding and no more."""
        return self.max_rel <= MAX_RELATIVE_DIFFERENCE

    def to_json(self) -> dict[str, object]:
        """Plain values for `json`."""
        return {"max_abs": self.max_abs, "max_rel": self.max_rel, "sample_count": self.sample_count}


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A tensor of the source framework, in the order of its computation."""

    name: str
    array: Array


@dataclass(frozen=True, slots=True)
class Departure:
    """Where two models part: after the source tensor `last_equal` nothing matches; `first` is the next one."""

    first: str
    last_equal: str

    def __str__(self) -> str:
        after = f", after {self.last_equal}" if self.last_equal else ""
        return f"the first tensor that departs is {self.first}{after}"


def feeds_for(ports: Sequence[Port], samples: Sequence[Feed], index_bound: int = 0) -> list[dict[str, Array]]:
    """What both sides are run on: `samples` where they fit the inputs, else seeded random values."""
    fitting = [feed for feed in (_fit(ports, sample) for sample in samples[:MOST_SAMPLES]) if feed]
    return fitting or random_feeds(ports, RANDOM_SAMPLES, index_bound)


def random_feeds(ports: Sequence[Port], count: int, index_bound: int = 0) -> list[dict[str, Array]]:
    """`count` seeded feeds; float inputs take turns in 0..1, normal and 0..255: nobody says what the model expects.

    Integers stay below `index_bound`, so that no table is read past its end.
    """
    rng = np.random.default_rng(0)
    return [{port.name: _random(port, turn, index_bound, rng) for port in ports} for turn in range(count)]


def _random(port: Port, turn: int, index_bound: int, rng: np.random.Generator) -> Array:
    dtype = np.dtype(port.dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, port.shape).astype(dtype)
    if dtype.kind in "iu":
        bound = index_bound or (256 if dtype == np.uint8 else DEFAULT_INDEX_BOUND)
        return rng.integers(0, min(bound, np.iinfo(dtype).max), port.shape).astype(dtype)
    if dtype.kind != "f":
        raise ModelError(f"input {port.name} has the type {port.dtype}, which no sample can be made for")
    values = (rng.random(port.shape), rng.standard_normal(port.shape), 255 * rng.random(port.shape))
    return values[turn % len(values)].astype(dtype)


def _fit(ports: Sequence[Port], sample: Feed) -> dict[str, Array] | None:
    """`sample` under the inputs' names, or None where names or shapes do not fit."""
    if len(ports) == len(sample) == 1:
        sample = {ports[0].name: next(iter(sample.values()))}
    if any(port.name not in sample or sample[port.name].shape != port.shape for port in ports):
        return None
    return {port.name: np.asarray(sample[port.name], port.dtype, order="C") for port in ports}


def compare(reference: Sequence[Feed], result: Sequence[Feed]) -> Agreement:
    """Outputs of the source against those of the imported model, sample by sample.

    NaN and infinity agree with themselves only. Raises ModelError where an output is missing or has another size.
    """
    worst = Agreement(0.0, 0.0, "", len(reference))
    for name in reference[0]:
        expected = [np.asarray(outputs[name]) for outputs in reference]
        got = [_output(outputs, name) for outputs in result]
        max_abs, max_rel = _difference(name, expected, got)
        if max_rel >= worst.max_rel:
            worst = Agreement(max(max_abs, worst.max_abs), max_rel, name, len(reference))
    return worst


def _output(outputs: Feed, name: str) -> Array:
    if name not in outputs:
        raise ModelError(f"the imported model has no output {name}; it has {', '.join(outputs)}")
    return np.asarray(outputs[name])


def _difference(name: str, expected: Sequence[Array], got: Sequence[Array]) -> tuple[float, float]:
    for one, other in zip(expected, got, strict=True):
        if one.shape != other.shape:
            raise ModelError(f"output {name} has the shape {other.shape} after the import, in the source {one.shape}")
    a, b = (np.concatenate([np.ravel(x).astype(np.float64) for x in side]) for side in (expected, got))
    if not a.size:
        return 0.0, 0.0
    finite = np.isfinite(a)
    if not np.array_equal(np.where(finite, 0, a), np.where(np.isfinite(b), 0, b), equal_nan=True):
        return float("inf"), float("inf")
    if not finite.any():
        return 0.0, 0.0
    max_abs = float(np.abs(a[finite] - b[finite]).max())
    return max_abs, max_abs / _range(a[finite])


def _range(values: Array) -> float:
    """From the least to the greatest of `values` and 0; 1 where all are 0."""
    return float(max(values.max(), 0) - min(values.min(), 0)) or 1.0


def first_departure(source: Sequence[Named], result: Iterable[Array]) -> Departure | None:
    """The first tensor of `source` after which no later one is found among the tensors of `result`.

    Two tensors match when their sorted values do, so layouts do not matter. Tensors that a converter fused away match
    nothing, which is why the last match counts, not the first miss. None where the last tensor matches.
    """
    by_size: dict[int, list[Array]] = {}
    for array in result:
        if array.dtype.kind in "fiu":
            by_size.setdefault(array.size, []).append(np.sort(np.ravel(array)).astype(np.float64))
    usable = [tensor for tensor in source if tensor.array.size > 1 and np.ptp(tensor.array) > 0]
    matches = [_matches(tensor.array, by_size.get(tensor.array.size, [])) for tensor in usable]
    if not usable or matches[-1]:
        return None
    last = max((at for at, match in enumerate(matches) if match), default=-1)
    return Departure(usable[last + 1].name, usable[last].name if last >= 0 else "")


def _matches(array: Array, candidates: Sequence[Array]) -> bool:
    values = np.sort(np.ravel(array)).astype(np.float64)
    limit = MAX_RELATIVE_DIFFERENCE * _range(values)
    return any(bool(np.abs(values - other).max() <= limit) for other in candidates)


def require(agreement: Agreement, what: str, departure: Departure | None) -> None:
    """Raises ModelError, naming output and first departing tensor of `what`, where `agreement` does not hold."""
    if agreement.holds:
        return
    where = f"; {departure}" if departure else ""
    raise ModelError(
        f"the import of {what} went wrong: output {agreement.output} differs from the source's by "
        f"{agreement.max_abs:.3g} ({agreement.max_rel:.2g} of its range){where}"
    )
