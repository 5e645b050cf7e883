"""Goals: how much of the original a result may still cost, and the recipes that are tried to get there.

In: `latency=0.5` and the like. Out: goals, and recipes from the mildest to the harshest; the first that reaches every
goal, as measured, is taken.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from edgekit.core.errors import UsageError
from edgekit.recipe import Recipe, load_recipe, with_settings

_SLIM = "slim-int8"
_SHARES = (0.75, 0.6, 0.5, 0.4, 0.3, 0.25)


class GoalKind(enum.Enum):
    """What a goal is about."""

    LATENCY = "latency"
    MACS = "macs"
    SIZE = "size"


@dataclass(frozen=True, slots=True)
class Goal:
    """At most `share` (above 0, below 1) of what the float model costs."""

    kind: GoalKind
    share: float


def parse_goal(text: str) -> Goal:
    """The goal in `"latency=0.5"`. Raises UsageError."""
    name, equals, value = text.partition("=")
    known = ", ".join(kind.value for kind in GoalKind)
    if not equals or name.strip() not in {kind.value for kind in GoalKind}:
        raise UsageError(f"{text!r} is not a goal", f"write key=share, such as latency=0.5; keys: {known}")
    try:
        share = float(value)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise UsageError(f"the goal {name.strip()} is {value!r}; it must be a share between 0 and 1 of the original's")
    return Goal(GoalKind(name.strip()), share)


def ladder(first: Recipe) -> Iterator[Recipe]:
    """`first`, then channels pruned more and more."""
    yield first
    slim = load_recipe(_SLIM)
    for share in _SHARES:
        rung = with_settings(slim, (f"prune-channels.macs={share}",))
        yield Recipe(f"{slim.name}, {share:g} of the MACs", slim.title, rung.steps)
