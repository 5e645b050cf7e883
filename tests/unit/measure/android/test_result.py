"""The result file of benchmark_model: read from the wire, cut off everywhere, and made wrong."""

from __future__ import annotations

import pytest

from edgekit.core.errors import DeviceError
from edgekit.measure.android_result import parse_result
from tests.unit.measure.android.shapes import LATENCY, RESULT, field

LATENCIES = b"".join(field(i, value) for i, value in enumerate(LATENCY, 1))
MISC = field(1, 3.5) + field(2, 50) + field(3, 6)


def test_the_whole_file() -> None:
    result = parse_result(RESULT, "adb:X")
    assert result.latency.median_ms == pytest.approx(79.402, rel=1e-6)  # a float of 32 bits
    assert result.latency.average_warm_up_ms == pytest.approx(83.1205, rel=1e-6)
    assert result.memory is not None
    assert (result.memory.init_footprint_kb, result.memory.overall_footprint_kb) == (11776, -256)
    assert result.memory.peak_mem_mb == 21.5
    assert (result.misc.num_runs, result.misc.num_warmup_runs) == (50, 6)


def test_memory_is_optional() -> None:
    result = parse_result(field(2, LATENCIES) + field(4, MISC), "adb:X")
    assert result.memory is None


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    twice = parse_result(field(4, field(1, 1.0) + field(2, 1) + field(3, 0)) + RESULT, "adb:X")
    assert twice.misc.num_runs == 50


@pytest.mark.parametrize("end", range(len(RESULT)))
def test_a_file_that_is_cut_off_says_where(end: int) -> None:
    with pytest.raises(DeviceError, match=r"^adb:X: the result file of benchmark_model (is cut off in|has no) "):
        parse_result(RESULT[:end], "adb:X")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "has no latency_metrics"),
        (field(2, LATENCIES), "has no misc_metrics"),
        (field(2, LATENCIES[:-5]) + field(4, MISC), r"has no latency_metrics\.average_warm_up_ms"),
        (field(2, 7) + field(4, MISC), "is damaged in latency_metrics"),
        (field(2, field(1, 3) + LATENCIES[5:]) + field(4, MISC), r"is damaged in latency_metrics\.avg_ms"),
        (field(2, field(1, float("nan")) + LATENCIES[5:]) + field(4, MISC), "avg_ms is nan"),
        (field(2, field(1, -1.0) + LATENCIES[5:]) + field(4, MISC), "avg_ms is -1"),
        (b"\x0b", "wire type 3"),
        (b"\xff" * 11, "a number without an end"),
    ],
)
def test_damage_is_named(data: bytes, said: str) -> None:
    with pytest.raises(DeviceError, match=said):
        parse_result(data, "adb:X")
