"""The smallest arena, by branch and bound.

A layout is pushed down: sorted by offset, each block lies at 0 or on one below it. So it is enough to try the orders in
which blocks are laid from the bottom up, each at the lowest offset that those laid allow, never below the last.
"""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.codegen.plan.demand import Demand, Layout, layout_of, round_up


@dataclass(frozen=True, slots=True)
class Found:
    """The best layout found; `is_complete` if the search came to its end, which proves that none is smaller."""

    layout: Layout
    is_complete: bool


def search(demand: Demand, best: Layout, bound: int, nodes: int) -> Found:
    """A layout smaller than `best` if there is one; ends at `bound`, which none can be below, or after `nodes`."""
    searcher = _Searcher(demand, best, bound, nodes)
    searcher.extend([0] * len(demand.blocks), (1 << len(demand.blocks)) - 1, 0, 0)
    return Found(searcher.best, searcher.nodes > 0 or searcher.best.nbytes == bound)


class _Searcher:
    """The state of one search: the best so far and how many nodes are left."""

    def __init__(self, demand: Demand, best: Layout, bound: int, nodes: int) -> None:
        self.demand, self.best, self.bound, self.nodes = demand, best, bound, nodes
        self.gaps = demand.gaps()
        self.groups = _groups(demand)

    def extend(self, least: list[int], left: int, floor: int, top: int) -> None:
        """Lay each of the blocks in `left` next; `least` are the offsets allowed, or for those laid, taken."""
        self.nodes -= 1
        if (
            self.nodes <= 0
            or self.best.nbytes == self.bound
            or self._reach(least, left, floor, top) >= self.best.nbytes
        ):
            return
        if not left:
            self.best = layout_of(self.demand, tuple(least))
            return
        for i in sorted(_bits(left), key=lambda i: (least[i], -self.demand.blocks[i].nbytes)):
            block = self.demand.blocks[i]
            place = round_up(max(least[i], 0), block.align)
            if place < floor:
                continue
            pushed = list(least)
            pushed[i] = place
            rest = left & ~(1 << i)
            for k, gap in self._above(i, rest):
                pushed[k] = max(pushed[k], place + gap)
            self.extend(pushed, rest, place, max(top, place + block.nbytes))

    def _above(self, i: int, rest: int) -> list[tuple[int, int]]:
        """Blocks yet to be laid that meet block i, and how far above it they must start."""
        return [(k, self.gaps[k][i]) for k in self.gaps[i] if rest >> k & 1]

    def _reach(self, least: list[int], left: int, floor: int, top: int) -> int:
        """No completion of what is laid ends below this."""
        for group, nbytes in self.groups:
            waiting = [i for i in group if left >> i & 1]
            if waiting:
                start = max(floor, min(least[i] for i in waiting))
                top = max(top, start + sum(nbytes[i] for i in waiting))
        return top


def _bits(mask: int) -> list[int]:
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


def _groups(demand: Demand) -> list[tuple[list[int], list[int]]]:
    """Sets of blocks no two of which may overlap: at each step, all without the dying inputs or without the outputs."""
    nbytes = [block.nbytes for block in demand.blocks]
    found: dict[frozenset[int], None] = {}
    for step in demand.steps():
        alive = {i for i, block in enumerate(demand.blocks) if block.is_alive(step)}
        partners = demand.partners(step)
        highs = {high for highs in partners.values() for high in highs}
        for group in (alive - highs, alive - set(partners)):
            found[frozenset(group)] = None
    largest = [g for g in found if not any(g < other for other in found)]
    return [(sorted(g), nbytes) for g in largest]
