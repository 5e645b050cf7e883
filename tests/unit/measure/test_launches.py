"""Several launches become one measurement."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from edgekit.measure.launches import merged, until_ruled
from edgekit.measure.measurement import Health, Measurement
from tests.unit.report.sample import measurement


def launch(p90_us: float, parity: bool = True) -> Measurement:
    plain = measurement()
    return dataclasses.replace(
        plain,
        latency=dataclasses.replace(plain.latency, p90_us=p90_us),
        parity=dataclasses.replace(plain.parity, passed=parity),
        conditions=dataclasses.replace(plain.conditions, before=Health(load=p90_us), after=Health(load=p90_us)),
    )


def series(*p90_us: float) -> Iterator[Measurement]:
    return map(launch, p90_us)


def test_a_clear_case_needs_one_launch() -> None:
    found = until_ruled(launch(5_000), 20.0, lambda: pytest.fail("one was enough"))
    assert found.launches_ms() == (5.0,)


def test_what_is_over_the_limit_is_confirmed() -> None:
    more = series(30_100, 30_200)
    found = until_ruled(launch(30_000), 20.0, lambda: next(more))
    assert found.launches_ms() == (30.0, 30.1, 30.2)
    assert (found.latency.p90_us, found.latency.launch_count) == (30_100, 3)


def test_a_limit_within_the_noise_ends_at_seven() -> None:
    found = until_ruled(launch(20_000), 20.0, lambda: launch(20_010))
    assert len(found.launches_ms()) == 7


def test_the_conditions_are_those_before_the_first_and_after_the_last() -> None:
    found = merged([launch(1.0), launch(3.0), launch(2.0)])
    assert (found.conditions.before.load, found.conditions.after.load) == (1.0, 2.0)
    assert found.latency.p90_us == 2.0


def test_a_wrong_launch_ends_it_and_is_the_one_that_is_shown() -> None:
    found = until_ruled(launch(20_000), 20.0, lambda: launch(19_000, parity=False))
    assert not found.parity.passed
    assert len(found.launches_ms()) == 2


def test_nothing_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="no launch"):
        merged([])
