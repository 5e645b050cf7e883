"""The worker's own rules, and what the profiler's text means."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from edgekit.measure import power_worker, profile_worker, versus_worker, worker

SUMMARY = """\
Profiling Info for Benchmark Initialization:
===================== Run Order =====================
    [node type]  [start]  [first]  [avg ms]  [%]  [cdf%]  [mem KB]  [times called]  [Name]
    Delegate/Convolution (NHWC, QC8) IGEMM   0.000  0.065  0.047  12.039%  12.039%  0.000  20  [Delegate]:0
    SOFTMAX   0.005  0.001  0.001  0.155%  100.000%  0.000  20  [Builtin]:15

===================== Top by Computation Time =====================
    SOFTMAX   0.005  0.001  0.001  0.155%  100.000%  0.000  20  [Builtin]:15
"""


def slow(*plateaus: tuple[float, int]) -> list[float]:
    """Runs of 100 ms and more, so that a window is its least: 8."""
    return [1e5 * level * (1 + 0.001 * (i % 3)) for level, count in plateaus for i in range(count)]


def test_warm_up_is_over_when_two_windows_are_alike() -> None:
    assert not worker.settled(slow((5.0, 15)))
    assert worker.settled(slow((9.0, 8), (5.0, 16)))
    assert not worker.settled(slow((9.0, 8), (5.0, 8)))
    assert not worker.settled(slow((9.0, 6), (5.0, 10)))


def test_warm_up_of_fast_models_spans_the_time_that_a_clock_needs() -> None:
    assert not worker.settled([100.0] * 1999)
    assert worker.settled([100.0] * 2000)


def test_a_median_is_known_when_its_interval_is_narrow() -> None:
    assert worker.half_width([1.0] * 100) == 0
    assert worker.half_width([1.0 + 0.01 * i for i in range(100)]) > 0.1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("throttled=0x0", ""),
        ("", ""),
        ("throttled=0x50005", "now: under-voltage, throttled"),
        ("throttled=0x20000", "since it started: clock capped"),
        ("throttled=0x80008", "now: soft temperature limit"),
        ("throttled=0xe0002", "now: clock capped; since it started: throttled, soft temperature limit"),
    ],
)
def test_the_bits_of_get_throttled_in_words(said: str, words: str) -> None:
    assert worker.throttled(said) == words


def test_the_profilers_rows_are_those_of_the_run_order() -> None:
    assert profile_worker.parse(SUMMARY) == [
        {"kind": "Delegate/Convolution (NHWC, QC8) IGEMM", "name": "[Delegate]:0", "time_us": 47.0},
        {"kind": "SOFTMAX", "name": "[Builtin]:15", "time_us": 1.0},
    ]


@pytest.mark.parametrize("text", ["", "nothing", "Run Order\n====\n", "=== Run Order ===\nx"])
def test_another_text_has_no_rows(text: str) -> None:
    assert profile_worker.parse(text) == []


@pytest.mark.parametrize("module", [worker, profile_worker, versus_worker, power_worker])
def test_workers_need_nothing_of_edgekit_and_old_pythons_read_them(module: object) -> None:
    source = Path(str(module.__file__)).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    imported |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    known = set(sys.stdlib_module_names) | {"numpy", "ai_edge_litert", "tflite_runtime"}
    assert {name.partition(".")[0] for name in imported} <= known
