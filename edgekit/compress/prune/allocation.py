"""How much to cut where: the least loss that reaches a goal. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

REACH = 4
"""How many levels ahead are looked at in one step: a step that alone saves nothing may open one that does."""


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

    def counts() -> dict[str, int]:
        return {name: curves[name].levels[level] for name, level in at.items()}

    over = excess(counts())
    while over > 0:
        best: tuple[float, str, int] | None = None
        for name, curve in curves.items():
            start = at[name]
            for level in range(start + 1, min(start + 1 + REACH, len(curve.levels))):
                saved = over - excess({**counts(), name: curve.levels[level]})
                if saved > 0:
                    price = (curve.losses[level] - curve.losses[start]) / saved
                    best = min(best or (price, name, level), (price, name, level))
        if best is None:
            break
        at[best[1]] = best[2]
        over = excess(counts())
    if over <= 0:
        _give_back(at, curves, excess)
    return Allocation(counts(), max(over, 0.0))


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
    """What the curves say is won, and the counts, of giving one group a level back and taking from another instead."""
    found = []
    for gaining, curve in curves.items():
        up = curve.levels.index(counts[gaining]) - 1
        for losing, other in curves.items() if up >= 0 else ():
            down = other.levels.index(counts[losing])
            for level in range(down + 1, min(down + 1 + REACH, len(other.levels))) if losing != gaining else ():
                changed = {**counts, gaining: curve.levels[up], losing: other.levels[level]}
                if excess(changed) <= 0:
                    won = curve.losses[up + 1] - curve.losses[up] - other.losses[level] + other.losses[down]
                    found.append((-won, changed))
                    break
    return found


def _give_back(at: dict[str, int], curves: Mapping[str, Curve], excess: Callable[[Mapping[str, int]], float]) -> None:
    """Undo single levels, the dearest first, while there is no excess."""
    while True:
        best: tuple[float, str] | None = None
        for name, level in at.items():
            if level:
                back = {n: curves[n].levels[v] for n, v in at.items()} | {name: curves[name].levels[level - 1]}
                won = curves[name].losses[level] - curves[name].losses[level - 1]
                if won > 0 and excess(back) <= 0:
                    best = max(best or (won, name), (won, name))
        if best is None:
            return
        at[best[1]] -= 1
