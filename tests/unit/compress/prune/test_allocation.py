"""How much goes where, with costs that are sums and products."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.compress.prune.allocation import Curve, allocate, even, levels, polish

Counts = Mapping[str, int]


def curve(units: int, multiple: int, price: float) -> Curve:
    """A loss that grows as the square of what goes."""
    steps = levels(units, multiple)
    return Curve(steps, tuple(price * (n / units) ** 2 for n in steps))


def chain_excess(units: Mapping[str, int], goal: float) -> Callable[[Counts], float]:
    """Layers one behind the other: each costs what it reads times what it makes."""
    names = list(units)

    def macs(gone: Counts) -> int:
        left = [units[n] - gone.get(n, 0) for n in names]
        return sum(a * b for a, b in zip([3, *left], [*left, 10], strict=True))

    return lambda gone: max(0.0, macs(gone) / (goal * macs({})) - 1)


@pytest.mark.parametrize(("units", "multiple", "expected"), [(16, 4, (0, 4, 8, 12)), (10, 4, (0, 2, 6)), (3, 4, (0,))])
def test_levels_leave_multiples(units: int, multiple: int, expected: tuple[int, ...]) -> None:
    assert levels(units, multiple) == expected


def test_what_costs_little_goes_first() -> None:
    curves = {"dear": curve(32, 8, 10.0), "cheap": curve(32, 8, 0.1)}
    found = allocate(curves, lambda gone: max(0.0, (64 - sum(gone.values())) / 48 - 1))
    assert found.gone == {"dear": 0, "cheap": 16}
    assert found.excess == 0


@given(
    st.lists(st.tuples(st.integers(8, 64), st.floats(0.01, 10)), min_size=1, max_size=5),
    st.sampled_from([2, 4, 8]),
    st.floats(0.3, 0.95),
)
def test_the_goal_and_the_multiples_are_kept(layers: list[tuple[int, float]], multiple: int, goal: float) -> None:
    units = {f"g{i}": n for i, (n, _) in enumerate(layers)}
    curves = {f"g{i}": curve(n, multiple, price) for i, (n, price) in enumerate(layers)}
    excess = chain_excess(units, goal)
    most = {name: c.levels[-1] for name, c in curves.items()}
    for found in (allocate(curves, excess), even(curves, excess)):
        assert (found.excess == 0) == (excess(most) == 0)
        assert found.excess == max(excess(found.gone), 0)
        for name, gone in found.gone.items():
            assert gone == 0 or (units[name] - gone) % multiple == 0
            assert gone < units[name]


def test_a_goal_out_of_reach_is_said() -> None:
    found = allocate({"a": curve(8, 4, 1.0)}, lambda gone: 1.0 - gone["a"] / 100)
    assert found.gone == {"a": 4}
    assert found.excess == pytest.approx(0.96)


def test_a_step_that_alone_saves_nothing_is_taken_where_the_next_one_does() -> None:
    found = allocate({"a": curve(16, 4, 1.0)}, lambda gone: 0.0 if gone["a"] >= 8 else 1.0)
    assert found.gone == {"a": 8}


def test_what_was_too_much_is_given_back() -> None:
    curves = {"a": Curve((0, 1), (0.0, 1.0)), "b": Curve((0, 10), (0.0, 1.5))}
    found = allocate(curves, lambda gone: max(0.0, 1 - gone["a"] * 0.5 - gone["b"] * 0.1))
    assert found.gone == {"a": 0, "b": 10}


def test_even_shares_are_even() -> None:
    curves = {"a": curve(32, 4, 1.0), "b": curve(64, 8, 1.0)}
    found = even(curves, lambda gone: max(0.0, (96 - sum(gone.values())) / 48 - 1))
    assert found.gone == {"a": 16, "b": 32}


def test_trades_follow_what_is_measured_of_all_together() -> None:
    curves = {"a": Curve((0, 4, 8), (0.0, 1.0, 2.0)), "b": Curve((0, 4, 8), (0.0, 1.1, 2.2))}

    def excess(gone: Counts) -> float:
        return max(0.0, 8 - sum(gone.values()))

    def error(gone: Counts) -> float:
        return abs(gone["a"] - 4) + abs(gone["b"] - 4)

    found = polish({"a": 8, "b": 0}, curves, excess, error, tries=10)
    assert found == {"a": 4, "b": 4}
    assert polish({"a": 8, "b": 0}, curves, excess, error, tries=0) == {"a": 8, "b": 0}
