"""Outputs are the golden ones, or the first that is not is named."""

from __future__ import annotations

import math

import numpy as np

from edgekit.bundle.manifest import ParityBound
from edgekit.measure.measurement import Nearness
from edgekit.measure.parity import judge_parity

GOLDEN = {"y": np.array([[[1, 2, 3]], [[4, 5, 6]]], np.int8)}
BOUNDS = (ParityBound("xnnpack", "y", 2, None, 1.0), ParityBound("reference", "y", 0, None, 0.0))


def changed(*place: int, by: int) -> dict[str, np.ndarray]:
    array = GOLDEN["y"].copy()
    array[place] += by
    return {"y": array}


def test_equal_outputs_are_bit_exact() -> None:
    parity = judge_parity(GOLDEN, dict(GOLDEN), BOUNDS, "reference")
    assert (parity.passed, parity.nearness, parity.max_difference, parity.sample_count) == (True, Nearness.EXACT, 0, 2)


def test_within_the_bound_of_these_kernels() -> None:
    parity = judge_parity(GOLDEN, changed(1, 0, 2, by=2), BOUNDS, "xnnpack")
    assert (parity.passed, parity.nearness, parity.max_difference, parity.bound) == (True, Nearness.LSB, 2, 2)


def test_other_kernels_without_a_bound_must_be_exact() -> None:
    assert not judge_parity(GOLDEN, changed(0, 0, 0, by=1), BOUNDS, "builtin").passed


def test_the_first_value_out_of_bounds_is_named() -> None:
    parity = judge_parity(GOLDEN, changed(1, 0, 2, by=-3), BOUNDS, "xnnpack")
    assert not parity.passed
    assert parity.first_difference == "sample 1, output y[0, 2] is 3, the golden value is 6 (may differ by 2)"


def test_a_difference_does_not_wrap_around() -> None:
    low, high = {"y": np.array([[-128]], np.int8)}, {"y": np.array([[127]], np.int8)}
    assert judge_parity(low, high, (), "xnnpack").max_difference == 255


def test_missing_and_misshapen_outputs_fail() -> None:
    assert judge_parity(GOLDEN, {}, BOUNDS, "xnnpack").first_difference == "output y: the device gave nothing"
    other = {"y": GOLDEN["y"].astype(np.int16)}
    assert "int16" in judge_parity(GOLDEN, other, BOUNDS, "xnnpack").first_difference


def test_nan_where_a_number_was_fails_and_nan_for_nan_is_equal() -> None:
    golden = {"y": np.array([[1.0, math.nan, math.inf]], np.float32)}
    bound = (ParityBound("xnnpack", "y", None, 0.5, 0.1),)
    same = judge_parity(golden, {"y": golden["y"].copy()}, bound, "xnnpack")
    assert (same.passed, same.nearness) == (True, Nearness.ABSOLUTE)
    spoiled = {"y": np.array([[math.nan, math.nan, math.inf]], np.float32)}
    assert not judge_parity(golden, spoiled, bound, "xnnpack").passed
