"""The log of benchmark_model: every shape of line, and damage."""

from __future__ import annotations

import dataclasses

import pytest

from edgekit.core.errors import DeviceError
from edgekit.measure.android_log import Applied, Extent, Rejected, Replaced, Runs, flags_of, parse_log
from tests.unit.measure.android import shapes


def test_cpu() -> None:
    log = parse_log(shapes.CPU, "adb:X")
    assert log.warmup == Runs(6, 96017, 79815, 96017, 83120.5, 79815, 80340, 96017)
    assert log.timed("adb:X") == Runs(50, 79449, 77385, 88213, 79732, 77911, 79402, 83007)
    assert (log.init_us, log.first_us, log.model_mb) == (41206, 96017, 3.57776)
    assert (log.footprint_bytes, log.peak_bytes) == (14.25 * (1 << 20), 21.5 * (1 << 20))
    assert log.replaced == (Replaced("TfLiteXNNPackDelegate", 29, 31, 2),)
    assert log.applied == (Applied("XNNPACK", Extent.PARTIAL, 2),)
    assert (log.errors, log.rejected, log.lab) == ((), (), "")


def test_an_old_tool_has_no_levels_and_no_percentiles() -> None:
    log = parse_log(shapes.OLD, "adb:X")
    assert log.warmup == Runs(1, 1403859, 1403859, 1403859, 1403859, 1403859, 1403859, 1403859)
    assert log.regular == Runs(260, 3918, 3700, 4026, 3756.87, None, None, None)
    assert log.applied == (Applied("NNAPI", Extent.COMPLETE, None),)
    assert log.footprint_bytes == 63.75 * (1 << 20)


def test_gpu_with_operators_that_stay_on_the_cpu() -> None:
    log = parse_log(shapes.GPU, "adb:X")
    assert log.rejected == (
        Rejected("RELU_0_TO_1", "Not supported op RELU_0_TO_1"),
        Rejected("TRANSPOSE_CONV", "Max version supported: 3. Requested version 4."),
    )
    assert log.gpu_rest == 3
    assert [r.delegate for r in log.replaced] == ["TfLiteGpuDelegateV2", "TfLiteXNNPackDelegate"]
    assert log.regular is not None
    assert (log.regular.count, log.regular.median_us) == (50, 115889)
    assert log.footprint_bytes == 0  # memory given back is no growth


def test_a_delegate_that_took_nothing() -> None:
    assert parse_log(shapes.REFUSED, "adb:X").applied == (Applied("NNAPI", Extent.NONE, 0),)


def test_the_tool_of_litert_v2() -> None:
    log = parse_log(shapes.V2, "adb:X")
    assert dict(log.results) == {
        "Model initialization": 4.48,
        "Warmup (first)": 1.03,
        "Warmup (avg)": 0.47,
        "Inference (avg)": 0.46,
        "Inference (min)": 0.44,
        "Inference (max)": 0.98,
        "Inference (std)": 0.01,
        "Throughput": 525.55,
        "Init footprint": 8.94,
        "Overall footprint": 11.51,
    }
    assert log.regular is not None
    assert log.regular.count == 2112


def test_stdout_and_stderr_in_either_order_are_the_same() -> None:
    stderr = [line for line in shapes.CPU.splitlines() if line.startswith("VERBOSE")]
    stdout = [line for line in shapes.CPU.splitlines() if not line.startswith("VERBOSE")]
    assert parse_log("\n".join(stdout + stderr), "adb:X") == parse_log(shapes.CPU, "adb:X")


@pytest.mark.parametrize("lines", range(2, len(shapes.CPU.splitlines())))
def test_a_log_that_is_cut_off_says_what_is_missing(lines: int) -> None:
    log = parse_log("\n".join(shapes.CPU.splitlines()[:lines]), "adb:X")
    if log.regular is None:
        with pytest.raises(DeviceError, match=r"adb:X: the log of benchmark_model has no line `count=…` of the"):
            log.timed("adb:X")
    else:
        assert log.timed("adb:X").count == 50


def test_what_the_tool_says_is_in_the_error() -> None:
    log = parse_log("ERROR: Failed to load model m.tflite\nERROR: Benchmarking failed.\n", "adb:X")
    with pytest.raises(DeviceError, match=r"warm-up and of the timed runs; it says: Benchmarking failed\.$"):
        dataclasses.replace(log).timed("adb:X")


@pytest.mark.parametrize(
    "line",
    [
        "count=x curr=3",
        "count=-4 curr=3",
        "count=2.5 curr=3",
        "count=5",
        "count=5 first=1 curr=1 min=5 max=1 avg=3 std=1",
        "count=5 first=1 curr=1 min=1 max=5 avg=77 std=1",
        "count=5 first=1 curr=1 min=1 max=5 avg=3 std=1 p5=4 median=2 p95=5",
        "count=5 first=1 curr=1 min=1 max=5 avg=nan std=1",
        "count=5 first=1 curr=1 min=1 max=1e999 avg=3 std=1",
        "count=5 first=1 curr=1 min=-1 max=5 avg=3 std=1",
        "Inference timings in us: Init: 41206, First inf",
        "Memory footprint delta from the start of the tool (MB): init=11.5 overall=",
        "Overall peak memory footprint (MB) via periodic monitoring: many",
        "The input model file size (MB): 1e300",
    ],
)
def test_a_damaged_line_is_quoted(line: str) -> None:
    text = f"Running benchmark for at least 1 iterations\nINFO: {line}\n"
    with pytest.raises(DeviceError, match=r"^adb:X: the log of benchmark_model is damaged at the line ") as caught:
        parse_log(text, "adb:X")
    assert line[:40] in str(caught.value)


def test_flags_of_a_tool() -> None:
    text = "ERROR: usage: benchmark_model <flags>\nFlags:\n\t--num_runs=50\tint32\toptional\truns\n\t--graph=\tstring\toptional\n"
    assert flags_of(text) == {"num_runs", "graph"}
    assert flags_of("INFO: STARTING!\n") == frozenset()
