"""Calibration: which range each activation takes, from samples that stream by.

Memory does not grow with the number of samples: two numbers for each tensor, and a histogram where the method needs
one. Samples are independent of one another: variable tensors are reset before each.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from edgekit.compress.histogram import Histograms, least_error_range, outside_share, percentile_range
from edgekit.compress.ranges import Matrix, Ranges, TensorRange
from edgekit.compress.watching import Watched, is_activation, watched
from edgekit.core.errors import DatasetError, ModelError
from edgekit.core.progress import Progress, Silent, tracked
from edgekit.graph.codec import write
from edgekit.graph.cost import model_macs
from edgekit.graph.model import Model, Tensor
from edgekit.runtime.arena import TensorMemory, Watch, addresses
from edgekit.runtime.litert import LiteRT

Feed = Mapping[str, npt.NDArray[np.generic]]

_HELD = 32  # samples that are counted at once
_SAMPLED = 512  # elements of a tensor that go into its histogram at each sample; the extremes see all of them
_SHARED_MACS = 50_000_000  # about a millisecond on one core; sharing less costs more than it saves
_DRAWS = 16  # sets of positions that take turns


class RangeMethod(enum.Enum):
    """How the ends of a range are chosen.

    OUTPUT takes several passes and is not `calibrate`'s, which takes it for MSE: see `compress/clip.py`.
    """

    MINMAX = "minmax"
    PERCENTILE = "percentile"
    MSE = "mse"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class CalibrateOptions:
    """How to calibrate."""

    method: Annotated[RangeMethod, "how the ends of a range are chosen"] = RangeMethod.MSE
    percentile: Annotated[float, "percent of the values that stay inside the range, for method = percentile"] = 99.99
    samples: Annotated[int, "how many samples to use, evenly spread over the dataset; 0 means all"] = 200
    bits: Annotated[int, "bits of an activation, for method = mse"] = 8

    def __post_init__(self) -> None:
        if not 50 < self.percentile <= 100:
            raise ValueError(f"percentile is {self.percentile}, and must be above 50 and at most 100")
        if self.samples < 0:
            raise ValueError(f"samples is {self.samples}, and must not be negative")
        if self.bits not in (8, 16):
            raise ValueError(f"bits is {self.bits}, and must be 8 or 16")

    @property
    def limit(self) -> int | None:
        """How many samples to ask for."""
        return self.samples or None


def calibrate(
    model: Model,
    feeds: Iterable[Feed],
    options: CalibrateOptions,
    progress: Progress | None = None,
    total: int | None = None,
    hessians_of: frozenset[str] = frozenset(),
) -> Ranges:
    """Run `feeds` through the float model's first graph and find each activation's range.

    Args:
        model: its tensor names must differ from one another.
        feeds: inputs by name, batch included, of one shape each.
        options: how the ends are chosen.
        progress, total: where the work is told of, and how many samples there are if that is known.
        hessians_of: names of tensors whose X'X is wanted too.

    Raises DatasetError where there are no samples, ModelError where an activation is not a finite number.
    """
    observer = _Observer(model, options, hessians_of)
    count = 0
    for feed in tracked(feeds, "calibrating", total, progress or Silent()):
        observer.see(feed)
        count += 1
    if not count:
        raise DatasetError("calibration has no samples", "give a dataset with at least one")
    return observer.result(count)


class _Observer:
    """What has been seen so far. One sample at a time, and nothing of it is kept."""

    def __init__(self, model: Model, options: CalibrateOptions, hessians_of: frozenset[str]) -> None:
        graph = model.main
        self._options = options
        self._watched: Watched = watched(graph)
        self._runtime = LiteRT(write(model), threads=threads_for(model), keep_all=True)
        self._stateful = any(t.is_variable for t in graph.tensors)
        numbers = {id(tensor): number for number, tensor in enumerate(graph.tensors)}
        self._indices = [numbers[id(t)] for t in self._watched.tensors]
        self._addresses = addresses(self._runtime, self._indices)
        self._memory: TensorMemory | None = None
        self._hessians = {
            t.name: _Hessian(numbers[id(t)]) for t in graph.tensors if t.name in hessians_of and is_activation(t)
        }
        self._histograms = None if options.method is RangeMethod.MINMAX else _Sampled(len(self._indices))

    def see(self, feed: Feed) -> None:
        """Run one sample and take what it shows."""
        if self._stateful:
            self._runtime.reset_variables()
        self._runtime.invoke(feed)
        memory = self._memory or self._look()
        memory.fold()
        if self._histograms:
            self._histograms.see(memory)
        for hessian in self._hessians.values():
            hessian.see(self._runtime)

    def result(self, count: int) -> Ranges:
        """The ranges of everything watched and of what follows from it."""
        assert self._memory is not None
        low, high = self._memory.extremes()
        _require_finite(self._watched.tensors, low, high)
        rows: dict[str, TensorRange] = {}
        for place, tensor in enumerate(self._watched.tensors):
            rows[tensor.name] = self._range(place, min(float(low[place]), 0.0), max(float(high[place]), 0.0))
        for tensor, (least, most) in self._watched.fixed:
            rows[tensor.name] = TensorRange(least, most, least, most)
        for tensor, source in self._watched.follows:
            rows[tensor.name] = rows[source.name]
        matrices: dict[str, Matrix] = {name: hessian.matrix() for name, hessian in self._hessians.items()}
        return Ranges(rows, count, self._options.method.value, matrices)

    def _look(self) -> TensorMemory:
        """Find the tensors' memory after the first run: those that moved during it may move again."""
        now = addresses(self._runtime, self._indices)
        moving = frozenset(i for i in self._indices if i not in now or now[i] != self._addresses.get(i))
        watches = [Watch(index, p not in self._watched.nonnegative) for p, index in enumerate(self._indices)]
        self._memory = TensorMemory(self._runtime, watches, moving)
        return self._memory

    def _range(self, place: int, low: float, high: float) -> TensorRange:
        """A tensor's range by the chosen method; zero is always inside, as kernels pad with it."""
        if not self._histograms or low == high:
            return TensorRange(low, high, low, high)
        counts, reach = self._histograms.of(place)
        if self._options.method is RangeMethod.PERCENTILE:
            least, most = percentile_range(counts, reach, self._options.percentile)
        else:
            least, most = least_error_range(counts, reach, low, high, 2**self._options.bits)
        least, most = min(max(least, low), 0.0), max(min(most, high), 0.0)
        return TensorRange(least, most, low, high, outside_share(counts, reach, least, most))


class _Sampled:
    """Histograms of the watched tensors, from a part of the large ones' elements."""

    def __init__(self, tensors: int) -> None:
        self._histograms = Histograms(tensors)
        self._tensors = tensors
        self._draws: list[list[npt.NDArray[np.intp]]] = []
        self._held: list[list[npt.NDArray[np.float32]]] = [[] for _ in range(tensors)]
        self._turn = 0

    def see(self, memory: TensorMemory) -> None:
        """Add what the last run left, at every second run: shapes settle sooner than extremes, which see them all."""
        self._turn += 1
        if self._turn % 2 == 0:
            return
        for place in range(self._tensors):
            values = memory.flat(place)
            few = values.size <= _SAMPLED
            self._held[place].append(values.copy() if few else values.take(self._positions(place, values.size)))
        if self._turn % _HELD == 1:
            self._count()

    def _count(self) -> None:
        """Add what is held to the histograms: counting some samples at once costs little more than one."""
        for place, held in enumerate(self._held):
            if held:
                values = np.concatenate(held)
                self._histograms.add(place, values[np.isfinite(values)])  # others are found, and named, at the end
            held.clear()

    def of(self, place: int) -> tuple[npt.NDArray[np.int64], float]:
        """Counts and reach of a tensor."""
        self._count()
        return self._histograms.counts[place], float(self._histograms.reach[place])

    def _positions(self, place: int, size: int) -> npt.NDArray[np.intp]:
        """Positions drawn at random, because a stride would meet the same channels again and again."""
        while len(self._draws) <= place:
            self._draws.append([])
        draws = self._draws[place]
        if len(draws) < _DRAWS:
            draws.append(np.random.default_rng((place, len(draws))).integers(0, size, _SAMPLED))
        return draws[self._turn % len(draws)] % size


class _Hessian:
    """X'X * 2/n over all rows of a tensor whose last dimension are the channels."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._sum: npt.NDArray[np.float64] | None = None
        self._rows = 0

    def see(self, runtime: LiteRT) -> None:
        view = runtime.tensor(self._index)
        rows = view.reshape(-1, view.shape[-1]).astype(np.float64)
        product = rows.T @ rows
        self._sum = product if self._sum is None else self._sum + product
        self._rows += len(rows)

    def matrix(self) -> Matrix:
        assert self._sum is not None
        return (self._sum * (2.0 / self._rows)).astype(np.float32)


def threads_for(model: Model) -> int:
    """As many as the machine has where a sample takes long enough to share; results do not depend on it."""
    return min(os.cpu_count() or 1, 4) if model_macs(model) >= _SHARED_MACS else 1


def _require_finite(tensors: tuple[Tensor, ...], low: npt.NDArray[np.float32], high: npt.NDArray[np.float32]) -> None:
    """Name the first tensor that holds what no integer can stand for."""
    for place, tensor in enumerate(tensors):
        if tensor.shape and 0 in tensor.shape:
            low[place] = high[place] = 0.0
        if not (np.isfinite(low[place]) and np.isfinite(high[place])):
            value = low[place] if not np.isfinite(low[place]) else high[place]
            raise ModelError(
                f"tensor {tensor.name} holds {value} on the calibration samples, which cannot be quantized",
                "check the model's weights and the samples' preprocessing",
            )
