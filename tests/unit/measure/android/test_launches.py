"""Starts of the tool, and the latency that they make together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgekit.bundle.golden import Golden
from edgekit.bundle.manifest import GoldenSpec, ParityBound, PortSpec
from edgekit.core.errors import DeviceError
from edgekit.measure.android_arguments import Engine
from edgekit.measure.android_launches import FEWEST, MOST, Launch, enough, summary, timings
from edgekit.measure.android_outputs import bounds, split_outputs
from edgekit.measure.measurement import Health
from edgekit.measure.options import Accelerator, PhoneOptions
from edgekit.runtime.litert import Kernels

ONE = Launch(50, 5, 1000.0, 980.0, 1100.0, 950.0, 1500.0, 20000.0, 1400.0, 1 << 20)
STILL = Health()


def starts(*medians: float) -> list[Launch]:
    return [dataclasses.replace(ONE, median_us=median, p95_us=1.1 * median) for median in medians]


def test_the_medians_of_the_starts_are_the_samples() -> None:
    found = summary(starts(1000, 1010, 1005, 1000, 1003, 1004, 1001, 1006), STILL, STILL)
    assert (found.p50_us, found.count, found.warmup_count, found.launch_count) == (1003.5, 400, 40, 8)
    assert found.p90_us == pytest.approx(1.1 * 1003.5)  # the tool's p95, which p90 does not pass
    assert (found.p99_us, found.max_us, found.min_us) == (1500, 1500, 950)
    assert found.median_low_us is not None
    assert found.median_low_us <= 1003.5
    assert found.launch_p90_us == pytest.approx([1100, 1111, 1105.5, 1100, 1103.3, 1104.4, 1101.1, 1106.6])
    assert found.p90_low_us is not None
    assert found.p90_high_us is not None
    assert found.p90_low_us < found.p90_us < found.p90_high_us
    assert found.steady
    assert found.steady_note.endswith("from 8 starts of the tool")
    assert "the tool gives no samples" in found.interval_method


def test_starts_that_differ_are_not_steady() -> None:
    found = summary(starts(1000, 1300, 900, 1250, 980, 1190, 1020, 1400), STILL, STILL)
    assert not found.steady


def test_a_phone_that_throttled_is_not_steady() -> None:
    found = summary(starts(*[1000] * 8), STILL, Health(throttled="now: thermal status severe"))
    assert (found.steady, "thermal status severe" in found.steady_note) == (False, True)


def test_what_the_tools_clock_cannot_tell() -> None:
    found = summary(starts(*[7] * 8), STILL, STILL)
    assert (found.steady, found.steady_note) == (
        False,
        "not measurable to 5 % here: the tool counts whole microseconds",
    )


def test_times_that_round_to_nothing_are_held_against_no_limit_by_launches() -> None:
    found = summary(starts(*[0] * 8), STILL, STILL)
    assert (found.p90_us, found.launch_p90_us, found.p90_low_us) == (0, (), None)


def test_when_more_starts_would_not_help() -> None:
    assert enough(starts(*[1000] * FEWEST))
    assert not enough(starts(1000, 1300, 900, 1250, 980, 1190, 1020, 1400))
    assert enough(starts(*[1000, 2000] * (MOST // 2)))


def test_runs_are_shared_out_and_warm_ups_are_of_each_start() -> None:
    assert [t.runs for t in timings(20, 3)] == [3, 3, 3, 3, 2, 2, 2, 2]
    assert {(t.warmup, t.warmup_min_s, t.min_s) for t in timings(20, 3)} == {(3, 0.0, 0.0)}
    assert [t.runs for t in timings(2, None)] == [1, 1]
    assert len(timings(None, None)) == FEWEST
    assert all(t.warmup_min_s > 0 for t in timings(None, None))


PORTS = (PortSpec("a", "int8", (1, 3), None, None, ()), PortSpec("b", "float32", (2,), None, None, ()))


def test_outputs_are_cut_apart_by_the_bundles_shapes() -> None:
    first, second = np.arange(6, dtype=np.int8).reshape(2, 1, 3), np.arange(4, dtype=np.float32).reshape(2, 2)
    data = b"".join(first[i].tobytes() + second[i].tobytes() for i in range(2))
    found = split_outputs(data, PORTS, 2, "adb:X")
    assert (found["a"] == first).all()
    assert (found["b"] == second).all()


@pytest.mark.parametrize("length", [0, 10, 21, 23])
def test_outputs_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(DeviceError, match=rf"wrote {length} bytes of outputs, not 2 times 11 bytes"):
        split_outputs(bytes(length), PORTS, 2, "adb:X")


GOLDEN = Golden({}, {"q": np.zeros((1, 4), np.int8), "f": np.full((1, 4), 64, np.float32)}, {})


def test_bounds_for_16_bits() -> None:
    spec = GoldenSpec(
        1, "reference", (ParityBound("xnnpack", "q", 1, None, 0), ParityBound("xnnpack", "f", None, 0.1, 0))
    )
    engine = Engine(1, Kernels.XNNPACK, Accelerator.GPU, PhoneOptions())
    wide, kernels, words = bounds(spec, GOLDEN, engine)
    assert kernels == "gpu"
    assert [(b.output, b.steps, b.absolute) for b in wide] == [("q", 3, None), ("f", None, 0.5)]
    assert "16 bits" in words
    exact = dataclasses.replace(engine, phone=PhoneOptions(precision_loss=False))
    assert bounds(spec, GOLDEN, exact) == (spec.bounds, "xnnpack", "")
