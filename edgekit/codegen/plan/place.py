"""Placing blocks well: many orders, each block as low as it goes, then changes of the order, then the exact solver.

The best order of a few rules is what TFLite Micro's and TVM's planners take. Here the blocks round the peak are solved
exactly first, which gives an order to begin with and, where the solver comes to its end, a bound that sees how shifts
of one output over the next add up.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgekit.codegen.plan.bound import live_bytes, lower_bound, shifted_bound
from edgekit.codegen.plan.demand import Demand, Layout, Over, layout_of, round_up
from edgekit.codegen.plan.exact import search

_CHANGES = 1500
_NODES = 15_000
_EXACT_BLOCKS = 24
_WINDOW_BLOCKS = (8, 12, 16)
"""Blocks round the peak that are solved by themselves: few first."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is searched: changes of an order, nodes of the exact solver."""

    changes: int = _CHANGES
    nodes: int = _NODES


_FULL = Effort()


@dataclass(frozen=True, slots=True)
class Placement:
    """A layout, and the bytes below which none can be: the greatest of the bounds that were proven."""

    layout: Layout
    lower_bound_bytes: int

    @property
    def is_optimal(self) -> bool:
        """No layout is smaller."""
        return self.layout.nbytes == self.lower_bound_bytes


def place(demand: Demand, effort: Effort = _FULL) -> Placement:
    """A good layout, and always the same for the same demand."""
    placer = _Placer(demand, effort)
    placer.try_orders(_orders(demand))
    for count in _WINDOW_BLOCKS:
        placer.try_window(count)
    placer.change()
    if len(demand.blocks) <= _EXACT_BLOCKS:
        placer.solve()
    return Placement(placer.best, min(placer.bound, placer.best.nbytes))


class _Placer:
    """The best layout so far with the order that gave it, and the best bound."""

    def __init__(self, demand: Demand, effort: Effort) -> None:
        self.demand, self.effort = demand, effort
        self.gaps = demand.gaps()
        self.bound = lower_bound(demand)
        self.order: Sequence[int] = range(len(demand.blocks))
        self.best = settle(demand, self.gaps, self.order)
        self._take(self.best, self.order)

    @property
    def is_done(self) -> bool:
        return self.best.nbytes <= self.bound

    def _take(self, layout: Layout, order: Sequence[int]) -> None:
        self.best, self.order = layout, order
        self.bound = max(self.bound, shifted_bound(self.demand, layout.nbytes))

    def try_orders(self, orders: Iterable[Sequence[int]]) -> None:
        for order in orders:
            layout = settle(self.demand, self.gaps, order)
            if layout.nbytes < self.best.nbytes:
                self._take(layout, order)

    def try_window(self, count: int) -> None:
        """The `count` blocks nearest to the peak, solved by themselves; the others follow."""
        if self.is_done or len(self.demand.blocks) <= count:
            return
        chosen = _window(self.demand, count)
        part = _part(self.demand, chosen)
        solved = place(part, Effort(self.effort.changes // 5, self.effort.nodes))
        self.bound = max(self.bound, solved.lower_bound_bytes)
        first = [chosen[i] for i in sorted(range(len(chosen)), key=lambda i: solved.layout.offsets[i])]
        inside = set(first)
        orders = [self.order, *_orders(self.demand)]
        self.try_orders([*first, *(i for i in order if i not in inside)] for order in orders)

    def change(self) -> None:
        """What ends at the top, or meets it, goes to another place of the order, as long as nothing gets worse."""
        rng = random.Random(0)
        current, layout = list(self.order), self.best
        for _ in range(self.effort.changes if len(current) > 1 else 0):
            if self.is_done:
                return
            trial = list(current)
            moving = self._moving(layout, rng)
            at = trial.index(moving)
            if rng.random() < 0.5:
                to = rng.randrange(len(trial))
                trial[at], trial[to] = trial[to], moving
            else:
                trial.insert(rng.randrange(at + 1), trial.pop(at))
            found = settle(self.demand, self.gaps, trial)
            if found.nbytes <= layout.nbytes:
                current, layout = trial, found
            if found.nbytes < self.best.nbytes:
                self._take(found, trial)

    def _moving(self, layout: Layout, rng: random.Random) -> int:
        """A block at the top, or one that meets it in time."""
        blocks = self.demand.blocks
        tops = [i for i, offset in enumerate(layout.offsets) if offset + blocks[i].nbytes == layout.nbytes]
        top = rng.choice(tops)
        near = list(self.gaps[top])
        return rng.choice(near) if near and rng.random() < 0.6 else top

    def solve(self) -> None:
        """The exact solver on all."""
        if self.is_done:
            return
        found = search(self.demand, self.best, self.bound, self.effort.nodes)
        self.best = found.layout
        self.bound = found.layout.nbytes if found.is_complete else self.bound


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


def _window(demand: Demand, count: int) -> list[int]:
    """The blocks alive nearest to the step that needs most."""
    live = live_bytes(demand)
    peak = demand.steps().start + live.index(max(live))
    blocks = demand.blocks

    def distance(i: int) -> tuple[int, int]:
        return max(blocks[i].first - peak, peak - blocks[i].last, 0), -blocks[i].nbytes

    return sorted(sorted(range(len(blocks)), key=distance)[:count])


def _part(demand: Demand, chosen: Sequence[int]) -> Demand:
    """These blocks alone; what no layout of them is below, none of all is below."""
    number = {i: n for n, i in enumerate(chosen)}
    overs = (o for o in demand.overs if o.high in number and o.low in number)
    return Demand(
        tuple(demand.blocks[i] for i in chosen),
        tuple(Over(number[o.high], number[o.low], o.ahead) for o in overs),
    )


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
