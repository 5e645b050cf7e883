"""Metrics at their edges."""

from __future__ import annotations

import math

import numpy as np

from edgekit.verify import metrics


def test_a_constant_model_is_right_for_one_class_only() -> None:
    flat = np.ones(10, np.float32)
    assert [metrics.in_top(flat, c, 1) for c in range(10)] == [True] + [False] * 9
    assert [metrics.in_top(flat, c, 5) for c in range(10)] == [True] * 5 + [False] * 5


def test_a_score_that_is_no_number_is_never_in_the_top() -> None:
    assert not metrics.in_top(np.array([np.nan, 1.0]), 0, 2)


def test_one_score_is_a_probability() -> None:
    assert [metrics.predicted_class(np.array([p])) for p in (0.0, 0.5, 0.51)] == [0, 0, 1]


def test_auc_of_two_classes_is_that_of_the_second() -> None:
    second = np.array([0.1, 0.4, 0.35, 0.8], np.float32)
    labels = np.array([0, 0, 1, 1])
    both = np.stack([1 - second, second], axis=1)
    assert metrics.macro_auc(both, labels) == metrics.auc(second, labels == 1) == 0.75


def test_auc_of_one_column_is_that_of_class_1() -> None:
    assert metrics.macro_auc(np.array([[0.1], [0.9]]), np.array([0, 1])) == 1.0


def test_nothing_to_measure_is_no_number() -> None:
    nothing = np.zeros(0)
    assert math.isnan(metrics.rmse(nothing, nothing))
    assert math.isnan(metrics.auc(nothing, np.zeros(0, bool)))
    assert math.isnan(metrics.mean_iou(np.zeros((3, 4))))


def test_silence_and_exactness_in_decibels() -> None:
    assert metrics.decibels(0.0, 0.0) == math.inf
    assert metrics.decibels(0.0, 1.0) == -math.inf
    assert metrics.decibels(100.0, 1.0) == 20.0


def test_powers_do_not_overflow_in_small_types() -> None:
    big = np.full(4, 60000, np.float16)
    assert metrics.powers(big, big)[0] == 4 * float(np.float16(60000)) ** 2


def test_unlabelled_elements_do_not_count_in_an_overlap() -> None:
    counts = metrics.overlap_counts(np.array([0, 1, 1]), np.array([0, 255, -1]), 2)
    assert counts.tolist() == [[1, 0], [1, 0], [1, 0]]
