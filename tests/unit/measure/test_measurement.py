"""A measurement survives JSON, and refuses what is not one."""

from __future__ import annotations

import dataclasses
import json

import pytest

from edgekit.core.errors import DeviceError
from edgekit.measure.measurement import Measurement, Memory, summarise
from tests.unit.report.sample import latencies, measurement


def test_json_both_ways() -> None:
    there = json.dumps(measurement().to_json(), allow_nan=False)
    assert Measurement.from_json(json.loads(there)) == measurement()


@pytest.mark.parametrize("damage", ["schema", "latency", "device"])
def test_a_missing_part_is_named(damage: str) -> None:
    record = {k: v for k, v in measurement().to_json().items() if k != damage}
    with pytest.raises(DeviceError, match=damage):
        Measurement.from_json(record)


@pytest.mark.parametrize("record", [None, [], {}, {"schema": 1}, "text"])
def test_what_is_no_measurement_is_refused(record: object) -> None:
    with pytest.raises(DeviceError, match="not a measurement of schema 2"):
        Measurement.from_json(record)


def test_summary_of_known_samples() -> None:
    # Up and down in turns: a series that only rises would say that it drifts.
    latency = summarise([float(i // 2 + 1 if i % 2 else 101 - i // 2) for i in range(101)], 7)
    assert (latency.p50_us, latency.p90_us, latency.p99_us) == (51.0, 91.0, 100.0)
    assert (latency.min_us, latency.max_us, latency.count, latency.warmup_count) == (1.0, 101.0, 101, 7)
    assert (latency.median_low_us, latency.median_high_us) == (41.0, 61.0)
    assert not latency.steady


def test_numbers_for_gates_are_in_the_gates_units() -> None:
    values = dataclasses.replace(measurement(), memory=Memory(2048, "all")).gate_values()
    assert values["ram_kib"] == 2.0
    assert values["latency_p90_ms"] == summarise(latencies(), 0).p90_us / 1000


def test_memory_that_was_not_measured_is_no_number() -> None:
    blind = dataclasses.replace(measurement(), memory=None)
    assert blind.gate_values()["ram_kib"] is None
    assert set(blind.gate_notes()) == {"latency_p90_ms"}
