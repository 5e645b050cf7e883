"""A sequence that repeats itself, written shorter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
_LONGEST = 200
_WORTH = 4
"""A round must save more items than its own numbers take."""


@dataclass(frozen=True, slots=True)
class Round:
    """Items `first` to before `end` of a table, `times` over."""

    first: int
    end: int
    times: int


def rounds(items: Sequence[Item]) -> tuple[list[Item], list[Round]]:
    """A table and rounds over it that give `items`, greedily the repetition that saves most at each place.

    >>> rounds("ababababc")
    (['a', 'b', 'c'], [Round(first=0, end=2, times=4), Round(first=2, end=3, times=1)])
    """
    table: list[Item] = []
    found: list[Round] = []
    i = 0
    while i < len(items):
        period, times = _best(items, i)
        if times == 1 and found and found[-1].times == 1:
            found[-1] = Round(found[-1].first, found[-1].end + 1, 1)
        else:
            found.append(Round(len(table), len(table) + period, times))
        table += items[i : i + period]
        i += period * times
    return table, found


def _best(items: Sequence[Item], start: int) -> tuple[int, int]:
    """Period and number of the repetition from `start` that covers most, or (1, 1)."""
    best, covered = (1, 1), _WORTH
    for period in range(1, min((len(items) - start) // 2, _LONGEST) + 1):
        if items[start] != items[start + period]:
            continue
        times = 1
        while items[start + period * times : start + period * (times + 1)] == items[start : start + period]:
            times += 1
        if period * (times - 1) > covered:
            best, covered = (period, times), period * (times - 1)
    return best
