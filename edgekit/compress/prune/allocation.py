"""How much to cut where: the least loss that reaches a goal. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

REACH = 4
"""How many levels ahead are looked at in one step: a step that alone saves nothing may open one that does."""


COARSE = 8
"""Where every cut is measured together with all others, a group has so many steps."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What is lost when units of one group go.

    Attributes:
        levels: how many go, from 0 upwards.
        losses: what that costs, 0 for the first.
    """

    levels: tuple[int, ...]
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Allocation:
    """How many units of each group go, and by how much the goal is still missed (0: it is reached)."""

    gone: Mapping[str, int]
    excess: float


def levels(units: int, multiple: int) -> tuple[int, ...]:
    """How many of `units` may go so that a multiple of `multiple`, and at least one such, is left."""
    kept = range((units - 1) // multiple * multiple, 0, -multiple)
    return (0, *(units - k for k in kept))


def allocate(curves: Mapping[str, Curve], excess: Callable[[Mapping[str, int]], float]) -> Allocation:
    """Cut on where a unit of excess costs the least loss, until there is no excess; then give back what was too much.

    `excess` says how far over the goal given counts are; it never grows when more units go.
    """
    at = dict.fromkeys(curves, 0)
    over = _cut_on(at, curves, excess)
    if over <= 0:
        _give_back(at, curves, excess)
    return Allocation(_counts(at, curves), max(over, 0.0))


def _counts(at: Mapping[str, int], curves: Mapping[str, Curve]) -> dict[str, int]:
    return {name: curves[name].levels[level] for name, level in at.items()}


def _cut_on(
    at: dict[str, int],
    curves: Mapping[str, Curve],
    excess: Callable[[Mapping[str, int]], float],
    fixed: str = "",
) -> float:
    """Cut groups other than `fixed` until there is no excess, in place; returns what is left of it."""
    over = excess(_counts(at, curves))
    while over > 0:
        best: tuple[float, str, int] | None = None
        counts = _counts(at, curves)
        for name, curve in curves.items():
            start = at[name]
            for level in range(start + 1, min(start + 1 + REACH, len(curve.levels))) if name != fixed else ():
                saved = over - excess({**counts, name: curve.levels[level]})
                if saved > 0:
                    price = (curve.losses[level] - curve.losses[start]) / saved
                    best = min(best or (price, name, level), (price, name, level))
        if best is None:
            break
        at[best[1]] = best[2]
        over = excess(_counts(at, curves))
    return over


def even(curves: Mapping[str, Curve], excess: Callable[[Mapping[str, int]], float]) -> Allocation:
    """The same share of every group, no more than the goal needs."""
    low, high = 0.0, 1.0
    for _ in range(12):  # a 4096th is finer than any group
        middle = (low + high) / 2
        low, high = (low, middle) if excess(_share(curves, middle)) <= 0 else (middle, high)
    gone = _share(curves, high)
    return Allocation(gone, max(excess(gone), 0.0))


def _share(curves: Mapping[str, Curve], share: float) -> dict[str, int]:
    """At least `share` of each group's last level, at a level of it."""
    return {n: next(level for level in c.levels if level >= share * c.levels[-1]) for n, c in curves.items()}


def descend(
    curves: Mapping[str, Curve],
    excess: Callable[[Mapping[str, int]], float],
    error: Callable[[Mapping[str, int]], float],
) -> Allocation:
    """As `allocate`, but each cut is priced by the error that is measured of it together with all before it.

    A price that was measured earlier stands in for today's until it is the lowest; only then it is measured again
    (lazy greedy: Minoux 1978), so that a step takes a few measurements and not one for each group.
    """
    coarse = {name: _thinned(curve) for name, curve in curves.items()}
    counts = {name: curve.levels[0] for name, curve in curves.items()}
    prices = dict.fromkeys(curves, 0.0)
    over, now = excess(counts), 0.0
    while over > 0:
        fresh: dict[str, tuple[float, dict[str, int], float]] = {}
        while prices:
            name = min(prices, key=lambda n: (prices[n], n))
            if name in fresh:
                break
            step = _next(name, counts, coarse[name], over, excess)
            if step is None:
                del prices[name]
                continue
            found = error(step)
            prices[name] = (found - now) / (over - excess(step))
            fresh[name] = (prices[name], step, found)
        if not prices:
            return Allocation(counts, over)
        _, counts, now = fresh[name]
        over = excess(counts)
    at = {name: curve.levels.index(counts[name]) for name, curve in curves.items()}
    _give_back(at, curves, excess)
    return Allocation({name: curve.levels[at[name]] for name, curve in curves.items()}, 0.0)


def _thinned(curve: Curve) -> tuple[int, ...]:
    """At most `COARSE` steps of a curve, its ends among them."""
    last = len(curve.levels) - 1
    picked = sorted({round(i * last / COARSE) for i in range(COARSE + 1)})
    return tuple(curve.levels[i] for i in picked)


def _next(
    name: str,
    counts: Mapping[str, int],
    levels: tuple[int, ...],
    over: float,
    excess: Callable[[Mapping[str, int]], float],
) -> dict[str, int] | None:
    """The next cut of a group that brings the goal closer."""
    ahead = [level for level in levels if level > counts[name]]
    steps = ({**counts, name: level} for level in ahead[:REACH])
    return next((step for step in steps if excess(step) < over), None)


def polish(
    start: Mapping[str, int],
    curves: Mapping[str, Curve],
    excess: Callable[[Mapping[str, int]], float],
    error: Callable[[Mapping[str, int]], float],
    tries: int,
) -> dict[str, int]:
    """Trade channels of one group for those of another while the error that is measured of all together falls.

    The curves know each group alone; what cuts do to each other is only seen when they are made together. Trades that
    keep the goal are tried in the order of what the curves promise, at most `tries` of them.
    """
    best, lowest = dict(start), error(start)
    tried = {tuple(best.items())}
    while tries > 0:
        moves = sorted(_trades(best, curves, excess), key=lambda m: m[0])
        fresh = [counts for _, counts in moves if tuple(counts.items()) not in tried]
        if not fresh:
            return best
        for counts in fresh[:tries]:
            tries -= 1
            tried.add(tuple(counts.items()))
            if (found := error(counts)) < lowest:
                best, lowest = counts, found
                break
        else:
            return best
    return best


def _trades(
    counts: Mapping[str, int], curves: Mapping[str, Curve], excess: Callable[[Mapping[str, int]], float]
) -> list[tuple[float, dict[str, int]]]:
    """Neighbours that reach the goal, with the loss that the curves foretell: one group is cut by a level more and what
    that allows is given back elsewhere, or it gets a level back and others are cut for it."""
    found = []
    for name, curve in curves.items():
        place = curve.levels.index(counts[name])
        for level in (place - 1, place + 1, place + 2):
            if not 0 <= level < len(curve.levels):
                continue
            at = {n: c.levels.index(counts[n]) for n, c in curves.items()} | {name: level}
            if _cut_on(at, curves, excess, name) <= 0:
                _give_back(at, curves, excess, name)
                loss = sum(curves[n].losses[v] for n, v in at.items())
                found.append((loss, _counts(at, curves)))
    return found


def _give_back(
    at: dict[str, int],
    curves: Mapping[str, Curve],
    excess: Callable[[Mapping[str, int]], float],
    fixed: str = "",
) -> None:
    """Undo single levels of groups other than `fixed`, the dearest first, while there is no excess."""
    while True:
        best: tuple[float, str] | None = None
        for name, level in at.items():
            if level and name != fixed:
                back = {n: curves[n].levels[v] for n, v in at.items()} | {name: curves[name].levels[level - 1]}
                won = curves[name].losses[level] - curves[name].losses[level - 1]
                if won > 0 and excess(back) <= 0:
                    best = max(best or (won, name), (won, name))
        if best is None:
            return
        at[best[1]] -= 1
