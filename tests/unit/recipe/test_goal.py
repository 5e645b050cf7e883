"""Goals as they are written, and the recipes that are tried for them."""

from __future__ import annotations

import pytest

from edgekit.core.errors import UsageError
from edgekit.goal import Goal, GoalKind, ladder, parse_goal
from edgekit.recipe import load_recipe


def test_a_goal_is_a_share_of_the_original() -> None:
    assert parse_goal("latency=0.5") == Goal(GoalKind.LATENCY, 0.5)


@pytest.mark.parametrize(
    "text", ["latency", "speed=0.5", "latency=fast", "macs=0", "macs=1", "size=-1", "size=nan", ""]
)
def test_what_is_no_goal_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_goal(text)


def test_the_ladder_begins_with_the_recipe_and_prunes_more_at_each_rung() -> None:
    first = load_recipe("int8")
    rungs = list(ladder(first))
    assert rungs[0] == first
    shares = [step.mapping()["macs"] for rung in rungs[1:] for step in rung.steps if step.use == "prune-channels"]
    assert len(shares) == len(rungs) - 1
    assert shares == sorted(shares, reverse=True)
