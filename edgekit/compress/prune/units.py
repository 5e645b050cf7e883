"""Sets of positions that must go together: numbered, united, pinned. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.intp]

FIXED = 0
"""The number of everything that can never go."""


class Units:
    """Numbers that stand for channels, and which of them are one (union-find)."""

    def __init__(self) -> None:
        self._parent = np.zeros(1, np.intp)
        self._pins: dict[int, str] = {}

    def fresh(self, count: int) -> Ids:
        """Numbers not used so far."""
        first = self._parent.size
        made = np.arange(first, first + count)
        self._parent = np.concatenate([self._parent, made])
        return made

    def roots(self, ids: Ids) -> Ids:
        """The number that stands for each one's set."""
        found = self._parent[ids]
        while True:
            above = self._parent[found]
            if np.array_equal(above, found):
                self._parent[ids] = found
                return found
            found = above

    def unite(self, a: Ids, b: Ids, why: str) -> None:
        """Makes each of `a` one with its partner in `b`; what meets something fixed is pinned, with the reason."""
        left, right = np.broadcast_arrays(self.roots(a), self.roots(b))
        differ = left != right
        low, high = np.minimum(left, right)[differ], np.maximum(left, right)[differ]
        self.pin(high[low == FIXED], why)
        keys = np.unique((low * self._parent.size + high)[low != FIXED])
        for one, other in zip(*(k.tolist() for k in np.divmod(keys, self._parent.size)), strict=True):
            self._join(one, other)

    def pin(self, ids: Ids, why: str) -> None:
        """Nothing of `ids` may go; the first reason is kept."""
        for number in np.unique(ids).tolist():
            if number != FIXED:
                self._pins.setdefault(number, why)

    def all_pinned(self, ids: Ids) -> bool:
        """Whether it is known already that all of them stay."""
        known = self.roots(np.array([FIXED, *self._pins], np.intp))
        return bool(np.isin(self.roots(ids), known).all())

    def reasons(self) -> dict[int, str]:
        """Why a set is pinned, by its root."""
        found: dict[int, str] = {}
        roots = self.roots(np.array(list(self._pins), np.intp)).tolist()
        for root, why in zip(roots, self._pins.values(), strict=True):
            found.setdefault(root, why)
        return found

    def _join(self, one: int, other: int) -> None:
        low, high = sorted((self._root(one), self._root(other)))
        self._parent[high] = low

    def _root(self, number: int) -> int:
        above = int(self._parent[number])
        while above != number:
            number, above = above, int(self._parent[above])
        return number


def axes_of(ids: Ids) -> list[int]:
    """Along which axes numbers differ."""
    return [a for a in range(ids.ndim) if np.any(ids != np.take(ids, [0], axis=a))]


def by_sets(ids: Ids, axes: list[int]) -> list[int]:
    """Axes along which an array of numbers could be cut, that first which leaves most sets; of equals the last."""
    return sorted(axes, key=lambda axis: (_sets(ids, axis), axis), reverse=True)


def unite_slabs(units: Units, ids: Ids, axis: int) -> Ids:
    """Unites the numbers in each slab across an axis, so that it can be cut along it; the numbers of the slabs."""
    lanes = np.moveaxis(ids, axis, 0).reshape(ids.shape[axis], -1)
    units.unite(lanes[:, :1], lanes, "it shares a place with something that stays")
    return units.roots(lanes[:, 0])


def _sets(ids: Ids, axis: int) -> int:
    """How many sets are left when every slab across `axis` is one: components of slabs that share a number."""
    lanes = np.moveaxis(ids, axis, 0).reshape(ids.shape[axis], -1)
    trial = Units()
    slabs_of = trial.fresh(lanes.shape[0])
    owner: dict[int, int] = {}
    for slab, lane in zip(slabs_of.tolist(), lanes, strict=True):
        for number in np.unique(lane).tolist():
            first = owner.setdefault(number, slab)
            if first != slab and number != FIXED:
                trial.unite(np.array([first]), np.array([slab]), "")
    return int(np.unique(trial.roots(slabs_of)).size)
