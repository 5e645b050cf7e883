"""The memory of a model's tensors, looked at all at once.

A call of numpy costs more than the arithmetic on a small tensor, so small tensors are reduced together: with every
tensor kept, they lie behind one another in the runtime's arena, and one `reduceat` sees them all.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.core.errors import ModelError
from edgekit.runtime.litert import LiteRT

Floats = npt.NDArray[np.float32]

_SMALL_BYTES = 1 << 16  # above this the arithmetic outweighs the call
_PAGE_BYTES = 4096  # a shorter gap lies in pages that hold a byte of a tensor beside it, so it can be read
_CHUNK = 1 << 16  # elements: what is read for the maximum is still in the cache for the minimum


@dataclass(frozen=True, slots=True)
class Watch:
    """A float32 tensor to look at: the runtime's number of it, and whether its minimum is of interest."""

    index: int
    with_minimum: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """Small tensors behind one another.

    Attributes:
        memory: a view from the first one's start to the last one's end.
        cuts: start and end of each; the parts between an end and the next start are gaps.
        places: which watches they are.
        low, high: of each part and each gap since the beginning.
        scratch: the same, of one run.
    """

    memory: Floats
    cuts: npt.NDArray[np.intp]
    places: npt.NDArray[np.intp]
    low: Floats
    high: Floats
    scratch: Floats

    def fold(self) -> None:
        """Take what the last run left into `low` and `high`."""
        np.maximum.reduceat(self.memory, self.cuts, out=self.scratch)
        np.maximum(self.high, self.scratch, out=self.high)
        np.minimum.reduceat(self.memory, self.cuts, out=self.scratch)
        np.minimum(self.low, self.scratch, out=self.low)


@dataclass(frozen=True, slots=True, eq=False)
class _Single:
    """One tensor by itself; `memory` is None where the runtime moves it from run to run."""

    memory: Floats | None
    place: int


class TensorMemory:
    """Watched tensors of `model`, which keeps all tensors. Make it after a first run, before the next.

    Valid until the model's inputs are resized. `moving` are the tensors that have another address in each run.
    """

    def __init__(self, model: LiteRT, watches: Sequence[Watch], moving: frozenset[int] = frozenset()) -> None:
        self._model = model
        self._watches = tuple(watches)
        self._rows, self._singles = _arrange(model, self._watches, moving)
        self._low = np.full(len(self._watches), np.inf, np.float32)
        self._high = np.full(len(self._watches), -np.inf, np.float32)

    def fold(self) -> None:
        """Take the extremes of what the last run left into those of the runs before."""
        with np.errstate(invalid="ignore"):  # what lies between the tensors may be any bits
            for row in self._rows:
                row.fold()
            for single in self._singles:
                self._fold_single(single)

    def extremes(self) -> tuple[Floats, Floats]:
        """Minimum and maximum of each watched tensor over all folded runs, NaN where it held NaN.

        The minimum is 0 where it is of no interest. inf and -inf where nothing was folded, or the tensor is empty.
        """
        low, high = self._low.copy(), self._high.copy()
        for row in self._rows:
            low[row.places], high[row.places] = row.low[::2], row.high[::2]
        for place, watch in enumerate(self._watches):
            if not watch.with_minimum:
                low[place] = 0.0
        return low, high

    def _fold_single(self, single: _Single) -> None:
        place = single.place
        values = self._values(single)
        for part in _cachefuls(values):
            self._high[place] = np.maximum(self._high[place], part.max())
            if self._watches[place].with_minimum:
                self._low[place] = np.minimum(self._low[place], part.min())

    def flat(self, place: int) -> Floats:
        """All values of the tensor that was named at `place`; let go of them before the next run."""
        view: Floats = self._model.tensor(self._watches[place].index).reshape(-1)
        return view

    def _values(self, single: _Single) -> Floats:
        if single.memory is not None:
            return single.memory
        return self.flat(single.place)


def addresses(model: LiteRT, indices: Sequence[int]) -> dict[int, int]:
    """Where each tensor's memory is; without those that have none yet, and scalars, of which only copies are given."""
    found = {}
    for index in indices:
        try:
            view = model.tensor(index)
        except ModelError:  # a tensor of a size that is known only while running
            continue
        if view.ndim:
            found[index] = int(view.__array_interface__["data"][0])
    return found


def _cachefuls(values: Floats) -> list[Floats]:
    """`values` in parts that stay in the cache between two looks; nothing where there is nothing."""
    if values.size <= 2 * _CHUNK:
        return [values] if values.size else []
    return [values[start : start + _CHUNK] for start in range(0, values.size, _CHUNK)]


def _arrange(
    model: LiteRT, watches: Sequence[Watch], moving: frozenset[int]
) -> tuple[tuple[_Row, ...], tuple[_Single, ...]]:
    """Rows of small neighbours, and everything else one by one."""
    singles: list[_Single] = []
    small: list[tuple[int, int, int]] = []  # address, bytes, place
    for place, watch in enumerate(watches):
        if watch.index in moving:
            singles.append(_Single(None, place))
            continue
        view = model.tensor(watch.index)
        if not view.ndim:  # of a scalar only copies are given
            singles.append(_Single(None, place))
            continue
        address, count = int(view.__array_interface__["data"][0]), view.nbytes
        if not 0 < count <= _SMALL_BYTES or address % 4:
            singles.append(_Single(_memory(address, view.size), place))
        else:
            small.append((address, count, place))
    rows = [_row(group) for group in _neighbours(sorted(small))]
    return tuple(rows), tuple(singles)


def _neighbours(small: list[tuple[int, int, int]]) -> list[list[tuple[int, int, int]]]:
    groups: list[list[tuple[int, int, int]]] = []
    for item in small:
        end = sum(groups[-1][-1][:2]) if groups else None
        if end is not None and 0 <= item[0] - end < _PAGE_BYTES:
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def _row(group: list[tuple[int, int, int]]) -> _Row:
    start = group[0][0]
    count = (sum(group[-1][:2]) - start) // 4
    # The last end is left out, being no legal cut. Where tensors touch, the gap is the one element at the cut.
    cuts = [cut for address, size, _ in group for cut in ((address - start) // 4, (address - start + size) // 4)][:-1]
    return _Row(
        memory=_memory(start, count),
        cuts=np.array(cuts, np.intp),
        places=np.array([place for *_, place in group], np.intp),
        low=np.full(len(cuts), np.inf, np.float32),
        high=np.full(len(cuts), -np.inf, np.float32),
        scratch=np.empty(len(cuts), np.float32),
    )


def _memory(address: int, count: int) -> Floats:
    """The floats at an address, without a copy."""
    if count == 0:
        return np.zeros(0, np.float32)
    buffer: Any = (ctypes.c_float * count).from_address(address)
    return np.frombuffer(buffer, np.float32)
