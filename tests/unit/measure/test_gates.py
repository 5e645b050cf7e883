"""A gate is green only where a number was measured and kept."""

from __future__ import annotations

import dataclasses
import math

import pytest

from edgekit.measure.gates import MOST_LAUNCHES, UNITS, Gate, Ruling, describe, evaluate_gates, failed_gates, rule_on
from edgekit.targets.target import Budget

BUDGET = dataclasses.replace(Budget(), latency_p90_ms=30.0, model_kib=256.0, energy_mj=2.0)


def test_every_budget_of_a_target_can_be_a_gate() -> None:
    assert {field.name for field in dataclasses.fields(Budget)} == set(UNITS)


def test_only_limits_that_are_set_become_gates() -> None:
    gates = evaluate_gates(BUDGET, {"latency_p90_ms": 12.0, "ram_kib": 99999.0})
    assert [g.key for g in gates] == ["latency_p90_ms", "model_kib", "energy_mj"]


def test_kept_broken_and_not_measured() -> None:
    gates = evaluate_gates(BUDGET, {"latency_p90_ms": 30.0, "model_kib": 256.1, "energy_mj": None})
    assert [g.verdict for g in gates] == ["pass", "fail", "not measured"]
    assert [g.passed for g in gates] == [True, False, None]
    assert failed_gates(gates) == (gates[1],)


def test_a_number_that_is_none_is_not_kept() -> None:
    (gate, *_) = evaluate_gates(BUDGET, {"latency_p90_ms": math.nan})
    assert gate.passed is False


def test_notes_come_with_the_gate() -> None:
    (gate, *_) = evaluate_gates(BUDGET, {"latency_p90_ms": 1.0}, {"latency_p90_ms": "200 runs"})
    assert gate == Gate("latency_p90_ms", 30.0, 1.0, "ms", True, "200 runs")


def test_an_unknown_key_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="latency_ms"):
        evaluate_gates(BUDGET, {"latency_ms": 1.0})


def test_what_is_broken_is_said_with_number_and_limit() -> None:
    gates = evaluate_gates(BUDGET, {"model_kib": 300.25})
    assert describe(gates) == "model_kib is 300.2 KiB, over its limit of 256 KiB"


def launches(middle: float, count: int) -> list[float]:
    return [middle * (1 + 0.004 * (i % 3 - 1)) for i in range(count)]


@pytest.mark.parametrize(
    ("numbers", "ruling"),
    [
        (launches(10.0, 1), Ruling.KEPT),
        (launches(19.5, 1), Ruling.MORE),
        (launches(40.0, 1), Ruling.MORE),
        (launches(40.0, 2), Ruling.MORE),
        (launches(40.0, 3), Ruling.BROKEN),
        (launches(20.1, 6), Ruling.MORE),
        (launches(20.1, 7), Ruling.UNDECIDED),
        (launches(19.9, 7), Ruling.UNDECIDED),
        (launches(19.0, 7), Ruling.KEPT),
        (launches(21.0, 7), Ruling.BROKEN),
        ([19.0, 19.0, 60.0, 19.0, 19.0], Ruling.KEPT),
    ],
)
def test_a_limit_of_20_is_ruled_on_by_the_interval(numbers: list[float], ruling: Ruling) -> None:
    assert rule_on(20.0, numbers) is ruling


def test_one_slow_launch_never_breaks_a_gate() -> None:
    for count in range(1, MOST_LAUNCHES + 1):
        assert rule_on(20.0, [90.0, *launches(15.0, count - 1)]) is not Ruling.BROKEN


def test_a_gate_of_several_launches_is_undecided_where_the_limit_is_within_them() -> None:
    budget, values = Budget(latency_p90_ms=20.0), {"latency_p90_ms": 20.05}
    (found,) = evaluate_gates(budget, values, launches_ms=launches(20.05, 7))
    assert (found.passed, found.verdict) == (None, "not judged")
    assert found.note.startswith("undecided, the limit is within what was seen: 7 launches: ")
    (broken,) = evaluate_gates(budget, {"latency_p90_ms": 25.0}, launches_ms=launches(25.0, 3))
    assert (broken.passed, broken.note.partition(":")[0]) == (False, "3 launches")


def test_times_of_emulated_devices_are_not_held_against_limits() -> None:
    budget = Budget(latency_p90_ms=20.0, energy_mj=1.0, ram_kib=64.0)
    values = {"latency_p90_ms": 90.0, "energy_mj": 0.5, "ram_kib": 65.0}
    found = {g.key: g for g in evaluate_gates(budget, values, emulated="emulated: qemu-user aarch64 on x86_64")}
    assert [found[key].passed for key in ("latency_p90_ms", "energy_mj", "ram_kib")] == [None, None, False]
    assert found["latency_p90_ms"].note == "emulated: qemu-user aarch64 on x86_64; not held against the limit"
    assert found["latency_p90_ms"].value == 90.0


def test_without_a_number_an_emulated_gate_is_not_measured() -> None:
    (found,) = evaluate_gates(Budget(latency_p90_ms=20.0), {}, emulated="emulated: x")
    assert found.verdict == "not measured"
