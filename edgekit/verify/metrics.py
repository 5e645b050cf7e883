"""Task metrics and signal measures, by their plain definitions.

Pure numpy: no model, no file. Proportions are fractions of 1 here; percent begins in `verification.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


def in_top(scores: Floats, label: int, k: int) -> bool:
    """Whether `label` is among the `k` highest of `scores`, shape (classes,).

    Ties go to the lower index, as argmax does: a model that gives every class the same score is right
    for class 0 only, not for all of them. A NaN score is never in the top.
    """
    own = scores[label]
    if np.isnan(own):
        return False
    ahead = np.count_nonzero(scores > own) + np.count_nonzero(scores[:label] == own)
    return bool(ahead < k)


def predicted_class(scores: Floats) -> int:
    """The class that `scores`, shape (classes,), stand for; ties go to the lower index.

    A single score is the probability of class 1, so the threshold is one half.
    """
    if scores.size == 1:
        return int(scores.reshape(-1)[0] > 0.5)
    return int(np.argmax(scores))


def auc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive sample scores above a negative one, ties counted half.

    Args:
        scores: shape (n,), higher means more likely positive.
        positive: shape (n,).

    Returns:
        A fraction of 1, or NaN when one of the two classes has no sample: there is no pair to compare.

    Source: Mann-Whitney U over the number of pairs (Hanley and McNeil 1982, "The meaning and use of the area
    under a receiver operating characteristic curve").
    """
    return float(weighted_auc(scores, positive, np.ones((1, scores.size)))[0])


def weighted_auc(scores: Floats, positive: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """`auc` with each sample counted `weights` times, for several weightings at once.

    Args:
        scores: shape (n,).
        positive: shape (n,).
        weights: shape (weightings, n), not negative.

    Returns:
        shape (weightings,); NaN where a class has no weight.
    """
    order = np.argsort(scores, kind="stable")
    ranked, is_positive, weights = scores[order], positive[order], weights[:, order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1]))) if ranked.size else np.zeros(0, int)
    if not starts.size:
        return np.full(len(weights), np.nan)
    positives = np.add.reduceat(weights * is_positive, starts, axis=1)
    negatives = np.add.reduceat(weights * ~is_positive, starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives
    wins = np.sum(positives * (below + 0.5 * negatives), axis=1)
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    areas = np.full(len(weights), np.nan)
    np.divide(wins, pairs, out=areas, where=pairs > 0)
    return areas


def macro_auc(scores: Floats, labels: Integers) -> float:
    """Mean over the classes of `auc` of one class against the rest, scores of shape (n, classes).

    A class without samples (or with all of them) has no AUC and is left out of the mean; NaN if none is left.
    One column is the score of class 1.
    """
    return float(weighted_macro_auc(scores, labels, np.ones((1, len(scores))))[0])


def weighted_macro_auc(scores: Floats, labels: Integers, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """`macro_auc` for several weightings of the samples, shape (weightings, n), at once.

    With two classes both one-against-rest problems are the same one when scores sum to a constant; the score of
    class 1 alone is taken, so that "AUC" of a binary model means what it means everywhere.
    """
    classes = scores.shape[1]
    chosen = range(classes) if classes > 2 else [classes - 1]
    rows = [weighted_auc(scores[:, c], labels == (c if classes > 1 else 1), weights) for c in chosen]
    stacked = np.stack(rows)
    counts = np.count_nonzero(~np.isnan(stacked), axis=0)
    means = np.full(len(weights), np.nan)
    np.divide(np.nansum(stacked, axis=0), counts, out=means, where=counts > 0)
    return means


def rmse(values: Floats, truth: Floats) -> float:
    """Root of the mean squared difference, in the unit of the values; NaN without values."""
    if values.size == 0:
        return float("nan")
    return float(np.sqrt(np.mean(np.square(np.asarray(values, np.float64) - np.asarray(truth, np.float64)))))


def overlap_counts(predicted: Integers, truth: Integers, classes: int, ignore: int = 255) -> NDArray[np.int64]:
    """Elements of each class in both, in the prediction, in the truth: shape (3, classes).

    Elements whose truth is `ignore` or negative (unlabelled) are left out, as in Pascal VOC and Cityscapes.
    """
    truth, predicted = truth.reshape(-1), predicted.reshape(-1)
    valid = (truth != ignore) & (truth >= 0)
    truth, predicted = truth[valid], predicted[valid]
    both = truth[truth == predicted]
    return np.stack([np.bincount(part, minlength=classes)[:classes] for part in (both, predicted, truth)])


def mean_iou(counts: NDArray[np.number]) -> float:
    """Mean over the classes of intersection over union, from summed `overlap_counts`, shape (3, classes).

    A class that is neither predicted nor true has no union and is left out; NaN if none is left.
    """
    both, predicted, truth = np.asarray(counts, np.float64)
    union = predicted + truth - both
    present = union > 0
    return float(np.mean(both[present] / union[present])) if present.any() else float("nan")


def decibels(signal: float, noise: float) -> float:
    """10 log10(signal / noise) of two powers.

    No noise gives inf, also for a silent signal: nothing was lost. Noise without a signal gives -inf.
    """
    if noise == 0:
        return float("inf")
    return float(10 * np.log10(signal / noise)) if signal > 0 else float("-inf")


def sqnr_db(values: Floats, reference: Floats) -> float:
    """Signal to quantization noise ratio of `values` against `reference`, in dB (see `decibels`)."""
    return decibels(*powers(values, reference)[:2])


def cosine(values: Floats, reference: Floats) -> float:
    """Cosine of the angle between two arrays taken as vectors, -1 to 1.

    Two zero vectors point the same way (1); one zero vector has no direction to share (0).
    """
    signal, _, power, product = powers(values, reference)
    return cosine_of(product, signal, power)


def powers(values: Floats, reference: Floats) -> tuple[float, float, float, float]:
    """Sums over the elements: reference², (values - reference)², values², values * reference. All in float64."""
    a = np.asarray(reference, np.float64).reshape(-1)
    b = np.asarray(values, np.float64).reshape(-1)
    error = b - a
    return float(a @ a), float(error @ error), float(b @ b), float(a @ b)


def cosine_of(product: float, power_a: float, power_b: float) -> float:
    """`cosine` from a dot product and two squared lengths."""
    if power_a == 0 or power_b == 0:
        return 1.0 if power_a == power_b else 0.0
    return float(np.clip(product / np.sqrt(power_a) / np.sqrt(power_b), -1.0, 1.0))
