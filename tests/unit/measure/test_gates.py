"""A gate is green only where a number was measured and kept."""

from __future__ import annotations

import dataclasses
import math

import pytest

from edgekit.measure.gates import UNITS, Gate, describe, evaluate_gates, failed_gates
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
