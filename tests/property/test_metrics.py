"""Metrics against their definitions, written as plain loops."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgekit.verify import metrics

# Whole numbers and few of them, so that ties are common and every sum is exact.
scores = arrays.arrays(np.float32, st.integers(1, 12), elements=st.integers(-3, 3).map(float))
vectors = arrays.arrays(np.float64, 6, elements=st.integers(-9, 9).map(float))


@settings(deadline=None)
@given(scores, st.data())
def test_top_k_is_the_place_in_a_stable_ranking(values: np.ndarray, data: st.DataObject) -> None:
    label = data.draw(st.integers(0, len(values) - 1))
    k = data.draw(st.integers(1, 6))
    ranking = sorted(range(len(values)), key=lambda i: (-values[i], i))
    assert metrics.in_top(values, label, k) == (label in ranking[:k])


@settings(deadline=None)
@given(scores.filter(lambda v: len(v) > 1))
def test_the_predicted_class_is_the_one_label_in_the_top_1(values: np.ndarray) -> None:
    hits = [i for i in range(len(values)) if metrics.in_top(values, i, 1)]
    assert hits == [metrics.predicted_class(values)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), max_size=20))
def test_auc_is_the_share_of_won_pairs(samples: list[tuple[int, bool]]) -> None:
    good = [s for s, positive in samples if positive]
    bad = [s for s, positive in samples if not positive]
    ours = metrics.auc(np.array([s for s, _ in samples], np.float32), np.array([p for _, p in samples], bool))
    if not good or not bad:
        assert math.isnan(ours)
        return
    halves = sum(2 * (g > b) + (g == b) for g in good for b in bad)
    assert ours == float(Fraction(halves, 2 * len(good) * len(bad)))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 3)), min_size=1, max_size=10))
def test_a_weight_counts_as_that_many_samples(samples: list[tuple[int, bool, int]]) -> None:
    values = np.array([s for s, _, _ in samples], np.float32)
    positive = np.array([p for _, p, _ in samples], bool)
    weights = np.array([w for _, _, w in samples])
    repeated = metrics.auc(np.repeat(values, weights), np.repeat(positive, weights))
    weighted = metrics.weighted_auc(values, positive, weights[None].astype(np.float64))[0]
    assert weighted == repeated or (math.isnan(weighted) and math.isnan(repeated))


@settings(deadline=None)
@given(vectors, vectors)
def test_rmse_by_definition(values: np.ndarray, truth: np.ndarray) -> None:
    total = sum((int(a) - int(b)) ** 2 for a, b in zip(values, truth, strict=True))
    assert metrics.rmse(values, truth) == math.sqrt(total / 6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0, 1, 2, 3, 255])), max_size=30))
def test_mean_iou_by_sets_of_places(pairs: list[tuple[int, int]]) -> None:
    predicted = np.array([p for p, _ in pairs], np.int64)
    truth = np.array([t for _, t in pairs], np.int64)
    kept = [(i, p, t) for i, (p, t) in enumerate(pairs) if t != 255]
    ratios = []
    for c in range(4):
        ours, theirs = {i for i, p, _ in kept if p == c}, {i for i, _, t in kept if t == c}
        if ours | theirs:
            ratios.append(len(ours & theirs) / len(ours | theirs))
    result = metrics.mean_iou(metrics.overlap_counts(predicted, truth, 4))
    if not ratios:
        assert math.isnan(result)
    else:
        # The mean of a few ratios may be added up in another order: one rounding each.
        assert math.isclose(result, sum(ratios) / len(ratios), rel_tol=1e-15)


@settings(deadline=None)
@given(vectors, vectors)
def test_sqnr_and_cosine_by_definition(values: np.ndarray, reference: np.ndarray) -> None:
    a, b = [int(v) for v in reference], [int(v) for v in values]
    signal, noise = sum(x * x for x in a), sum((y - x) ** 2 for x, y in zip(a, b, strict=True))
    power, product = sum(y * y for y in b), sum(x * y for x, y in zip(a, b, strict=True))
    sqnr, cosine = metrics.sqnr_db(values, reference), metrics.cosine(values, reference)
    if noise == 0:
        assert sqnr == math.inf
    elif signal == 0:
        assert sqnr == -math.inf
    else:
        assert sqnr == 10 * np.log10(signal / noise)
    if signal and power:
        # Two square roots and two divisions: at most a few units in the last place.
        assert math.isclose(cosine, product / math.sqrt(signal * power), rel_tol=1e-14, abs_tol=1e-15)
    else:
        assert cosine == (1.0 if signal == power else 0.0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(-2, 2), min_size=3, max_size=3)), max_size=12))
def test_macro_auc_is_the_mean_of_the_classes_that_have_one(samples: list[tuple[int, list[int]]]) -> None:
    values = np.array([s for _, s in samples], np.float32).reshape(-1, 3)
    labels = np.array([c for c, _ in samples], np.int64)
    known = [a for c in range(3) if not math.isnan(a := metrics.auc(values[:, c], labels == c))]
    ours = metrics.macro_auc(values, labels)
    # Three numbers added in another order: one rounding.
    assert math.isnan(ours) if not known else math.isclose(ours, sum(known) / len(known), rel_tol=1e-15)
