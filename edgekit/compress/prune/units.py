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
                return found
            found = above

    def unite(self, a: Ids, b: Ids, why: str) -> None:
        """Makes each of `a` one with its partner in `b`; what meets something fixed is pinned, with the reason."""
        left, right = (self.roots(np.broadcast_to(x, np.broadcast_shapes(a.shape, b.shape)).ravel()) for x in (a, b))
        pairs = np.unique(np.stack([left, right]), axis=1).T
        for one, other in pairs[pairs[:, 0] != pairs[:, 1]].tolist():
            if FIXED in (one, other):
                self.pin(np.array([max(one, other)]), why)
            else:
                self._join(one, other)

    def pin(self, ids: Ids, why: str) -> None:
        """Nothing of `ids` may go; the first reason is kept."""
        for number in np.unique(ids).tolist():
            if number != FIXED:
                self._pins.setdefault(number, why)

    def reasons(self) -> dict[int, str]:
        """Why a set is pinned, by its root."""
        found: dict[int, str] = {}
        for number, why in self._pins.items():
            found.setdefault(int(self.roots(np.array([number]))[0]), why)
        return found

    def _join(self, one: int, other: int) -> None:
        low, high = sorted(int(self.roots(np.array([x]))[0]) for x in (one, other))
        self._parent[high] = low


def slabs(units: Units, ids: Ids, prefer: int | None = None) -> int | None:
    """Along which axis an array of numbers can be cut; numbers in one slab across this axis are united.

    Given   numbers for every element of a tensor
    Result  the axis along which they differ. Where they differ along several, the one that leaves most sets, or
            `prefer` if it is one of them.

    None where all numbers are the same.
    """
    roots = units.roots(ids)
    varying = [a for a in range(roots.ndim) if np.any(roots != np.take(roots, [0], axis=a))]
    if not varying:
        return None
    axis = prefer if prefer in varying else max(varying, key=lambda a: (_sets(roots, a), a))
    if len(varying) > 1:
        lanes = np.moveaxis(roots, axis, 0).reshape(roots.shape[axis], -1)
        units.unite(lanes[:, :1], lanes, "it shares a place with something that stays")
    return axis


def _sets(roots: Ids, axis: int) -> int:
    """How many sets are left when every slab across `axis` is one: components of slabs that share a number."""
    lanes = np.moveaxis(roots, axis, 0).reshape(roots.shape[axis], -1)
    trial = Units()
    slabs_of = trial.fresh(lanes.shape[0])
    owner: dict[int, int] = {}
    for slab, lane in zip(slabs_of.tolist(), lanes, strict=True):
        for number in np.unique(lane).tolist():
            first = owner.setdefault(number, slab)
            if first != slab and number != FIXED:
                trial.unite(np.array([first]), np.array([slab]), "")
    return int(np.unique(trial.roots(slabs_of)).size)
