"""When a step pays, and what is said when it does not."""

from __future__ import annotations

import math

import pytest

from edgekit.compress.step import Aim
from edgekit.compress.worth import Brought, Closeness, Size, Speed, why_not

BIG, SMALL = Size(1000, 500, 100), Size(300, 500, 25)
SLOWER, UNSURE, FASTER = (Speed("local", r, r - 0.05, r + 0.05) for r in (1.5, 1.04, 0.6))


@pytest.mark.parametrize(
    ("speed", "size_needed", "expected"),
    [
        (SLOWER, False, "an inference takes 1.50 times as long (1.45 to 1.55) with it on local"),
        (SLOWER, True, ""),
        (UNSURE, False, ""),
        (FASTER, False, ""),
        (None, False, ""),
    ],
)
def test_what_is_slower_for_sure_is_kept_only_for_its_size(
    speed: Speed | None, size_needed: bool, expected: str
) -> None:
    found = why_not(Aim.SMALLER, Brought(BIG, SMALL, speed=speed), size_needed)
    assert found.startswith(expected) and bool(found) == bool(expected)


def test_what_makes_nothing_smaller_is_not_worth_it_unless_it_is_faster() -> None:
    assert "neither fewer bytes" in why_not(Aim.SMALLER, Brought(BIG, BIG), False)
    assert why_not(Aim.SMALLER, Brought(BIG, BIG, speed=FASTER), False) == ""
    assert why_not(Aim.SMALLER, Brought(BIG, Size(1000, 250, 100)), False) == ""


def test_a_repair_must_bring_the_outputs_closer() -> None:
    def repaired(before: float, after: float) -> str:
        return why_not(Aim.CLOSER, Brought(SMALL, SMALL, Closeness(before, None), Closeness(after, None)), False)

    assert repaired(20, 25) == "" and repaired(math.inf, math.inf) == ""
    assert "no closer to the original's: 18.0 dB, 20.0 dB without" in repaired(20, 18)
    assert why_not(Aim.CLOSER, Brought(SMALL, SMALL), False) == "", "without samples nothing is known"


def test_what_prepares_is_judged_by_what_follows() -> None:
    assert why_not(Aim.PREPARES, Brought(BIG, BIG, speed=SLOWER), False) == ""
