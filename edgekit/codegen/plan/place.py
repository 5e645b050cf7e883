"""Placing blocks well: many orders, each block as low as it goes, then swaps, then the exact solver.

Best fit by several orders is what TFLite Micro's and TVM's planners do; the swaps and the proof are added here.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgekit.codegen.plan.bound import live_bytes, lower_bound
from edgekit.codegen.plan.demand import Demand, Layout, layout_of, round_up
from edgekit.codegen.plan.exact import search

_SWAPS = 400
_NODES = 20_000
_EXACT_BLOCKS = 24


@dataclass(frozen=True, slots=True)
class Placement:
    """A layout, and the bytes below which none can be: the greatest of the bounds that were proven."""

    layout: Layout
    lower_bound_bytes: int

    @property
    def is_optimal(self) -> bool:
        """No layout is smaller."""
        return self.layout.nbytes == self.lower_bound_bytes


def place(demand: Demand, swaps: int = _SWAPS, nodes: int = _NODES) -> Placement:
    """A good layout, deterministic; `swaps` and `nodes` limit the search."""
    bound = lower_bound(demand)
    gaps = demand.gaps()
    best_order: Sequence[int] = ()
    best: Layout | None = None
    for order in _orders(demand):
        layout = settle(demand, gaps, order)
        if best is None or layout.nbytes < best.nbytes:
            best, best_order = layout, order
    assert best is not None
    if best.nbytes > bound:
        best = _swapped(demand, gaps, best, best_order, swaps)
    if best.nbytes > bound and len(demand.blocks) <= _EXACT_BLOCKS:
        found = search(demand, best, bound, nodes)
        best = found.layout
        bound = best.nbytes if found.is_complete else bound
    return Placement(best, bound)


def settle(demand: Demand, gaps: list[dict[int, int]], order: Iterable[int]) -> Layout:
    """Each block in turn at the lowest offset that those before it leave."""
    offsets = [-1] * len(demand.blocks)
    for i in order:
        taken = sorted((offsets[k] - gaps[k][i], offsets[k] + gap) for k, gap in gaps[i].items() if offsets[k] >= 0)
        place, align = 0, demand.blocks[i].align
        for low, high in taken:
            if place <= low:
                break
            if place < high:
                place = round_up(high, align)
        offsets[i] = place
    return layout_of(demand, tuple(offsets))


def _orders(demand: Demand) -> list[list[int]]:
    """Orders worth trying: large first, long first, by area, latest first (dying inputs above outputs), peak first."""
    blocks = demand.blocks
    live = live_bytes(demand)
    start = demand.steps().start
    every = range(len(blocks))

    def peak(i: int) -> int:
        return max(live[blocks[i].first - start : blocks[i].last - start + 1], default=0)

    keys = (
        lambda i: (-blocks[i].last, -blocks[i].nbytes),
        lambda i: (-blocks[i].nbytes, -blocks[i].last),
        lambda i: (-blocks[i].nbytes, blocks[i].first),
        lambda i: (-blocks[i].nbytes * (blocks[i].last - blocks[i].first + 1), -blocks[i].last),
        lambda i: (-(blocks[i].last - blocks[i].first), -blocks[i].last),
        lambda i: (-peak(i), -blocks[i].last, -blocks[i].nbytes),
        lambda i: (-peak(i), -blocks[i].nbytes, -blocks[i].last),
        lambda i: (blocks[i].first, -blocks[i].nbytes),
    )
    return [sorted(every, key=key) for key in keys]


def _swapped(demand: Demand, gaps: list[dict[int, int]], best: Layout, order: Sequence[int], swaps: int) -> Layout:
    """Two blocks of the order change places, or one goes to the front, as long as nothing gets worse."""
    bound = lower_bound(demand)
    rng = random.Random(0)
    current, level = list(order), best.nbytes
    for _ in range(swaps if len(order) > 1 else 0):
        trial = list(current)
        i, k = rng.sample(range(len(trial)), 2)
        if rng.random() < 0.5:
            trial[i], trial[k] = trial[k], trial[i]
        else:
            trial.insert(k, trial.pop(i))
        layout = settle(demand, gaps, trial)
        if layout.nbytes <= level:
            current, level = trial, layout.nbytes
            best = layout if layout.nbytes < best.nbytes else best
        if best.nbytes == bound:
            break
    return best
