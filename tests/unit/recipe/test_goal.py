"""Goals as they are written, and the recipes that are tried for them."""

from __future__ import annotations

import pytest

from edgekit.core.errors import UsageError
from edgekit.goal import Goal, GoalKind, parse_goal


def test_a_goal_is_a_share_of_the_original() -> None:
    assert parse_goal("latency=0.5") == Goal(GoalKind.LATENCY, 0.5)


@pytest.mark.parametrize("text", ["latency", "speed=0.5", "latency=fast", "macs=0", "macs=1", "size=-1", "size=nan", ""])
def test_what_is_no_goal_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_goal(text)

