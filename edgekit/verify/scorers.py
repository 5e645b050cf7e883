"""Score float model and result sample by sample, so that the pair stays a pair."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import DatasetError
from edgekit.verify import metrics
from edgekit.verify.intervals import (
    REPLICATES,
    Estimate,
    ResampledSums,
    mcnemar_p,
    paired_difference,
    percentile_interval,
    wilson,
)
from edgekit.verify.verification import Metric

Array = NDArray[Any]
Weights = NDArray[np.float64]
_BLOCK = 50  # bootstrap replicates of an AUC at a time: bounds memory to 50 times the scores


@dataclass(frozen=True, slots=True)
class Scores:
    """A metric of both models and the paired difference, as fractions of 1 where it is a proportion."""

    float_value: Estimate
    result_value: Estimate
    difference: Estimate
    p_value: float | None


class Scorer(Protocol):
    """Takes the outputs of both models for one sample after the other."""

    def add(self, reference: Array, result: Array, label: Array, weights: Weights) -> None:
        """Count a sample: outputs without batch dimension, its label, its bootstrap weights."""

    def finish(self) -> Scores:
        """What all samples say."""


def scorer(metric: Metric) -> Scorer:
    """The scorer of `metric`."""
    match metric:
        case Metric.AUC:
            return AucScorer()
        case Metric.RMSE:
            return RmseScorer()
        case Metric.MIOU:
            return IouScorer()
        case _:
            return HitScorer(5 if metric is Metric.TOP5 else 1)


class HitScorer:
    """Top-k: counts only, whatever the number of samples."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._both = self._lost = self._gained = self._count = 0

    def add(self, reference: Array, result: Array, label: Array, weights: Weights) -> None:
        before, after = self._hit(reference, label), self._hit(result, label)
        self._both += before and after
        self._lost += before and not after
        self._gained += after and not before
        self._count += 1

    def finish(self) -> Scores:
        return Scores(
            wilson(self._both + self._lost, self._count),
            wilson(self._both + self._gained, self._count),
            paired_difference(self._gained, self._lost, self._count),
            mcnemar_p(self._gained, self._lost),
        )

    def _hit(self, output: Array, label: Array) -> bool:
        scores = output.reshape(-1)
        wanted = class_of(label, scores.size)
        if scores.size == 1:
            return class_from(scores) == wanted
        return metrics.in_top(scores, wanted, self._k)


class AucScorer:
    """Area under the curve. A rank needs every score: memory grows with the samples, by the scores alone."""

    def __init__(self) -> None:
        self._reference: list[Array] = []
        self._result: list[Array] = []
        self._labels: list[int] = []

    def add(self, reference: Array, result: Array, label: Array, weights: Weights) -> None:
        self._reference.append(np.array(reference, np.float32).reshape(-1))
        self._result.append(np.array(result, np.float32).reshape(-1))
        self._labels.append(class_of(label, reference.size))

    def finish(self) -> Scores:
        if not self._labels:
            nothing = Estimate(math.nan, math.nan, math.nan)
            return Scores(nothing, nothing, nothing, None)
        labels = np.array(self._labels)
        a, b = np.stack(self._reference), np.stack(self._result)
        before, after = metrics.macro_auc(a, labels), metrics.macro_auc(b, labels)
        repeated = [self._resampled(a, b, labels, start) for start in range(0, REPLICATES, _BLOCK)]
        many_before, many_after = np.concatenate(repeated, axis=1)
        return Scores(
            percentile_interval(before, many_before),
            percentile_interval(after, many_after),
            percentile_interval(after - before, many_after - many_before),
            None,
        )

    @staticmethod
    def _resampled(a: Array, b: Array, labels: Array, start: int) -> NDArray[np.float64]:
        """Both AUCs of one block of replicates, shape (2, block)."""
        random = np.random.Generator(np.random.PCG64(start))
        weights = random.poisson(1.0, (_BLOCK, len(labels))).astype(np.float64)
        return np.stack([metrics.weighted_macro_auc(scores, labels, weights) for scores in (a, b)])


class RmseScorer:
    """Root mean squared error: three sums and their replicates."""

    def __init__(self) -> None:
        self._sums = ResampledSums(3)

    def add(self, reference: Array, result: Array, label: Array, weights: Weights) -> None:
        truth = np.asarray(label, np.float64).reshape(-1)
        if truth.size != reference.size:
            raise DatasetError(f"a label has {truth.size} values, the model's output has {reference.size}")
        errors = [float(np.sum(np.square(o.reshape(-1).astype(np.float64) - truth))) for o in (reference, result)]
        self._sums.add(np.array([*errors, truth.size]), weights)

    def finish(self) -> Scores:
        return paired_scores(self._sums, _rmse_pair)


class IouScorer:
    """Mean intersection over union: three counts a class and model, and their replicates."""

    def __init__(self) -> None:
        self._sums: ResampledSums | None = None
        self._classes = 0

    def add(self, reference: Array, result: Array, label: Array, weights: Weights) -> None:
        if self._sums is None:
            self._classes = max(2, reference.shape[-1])
            self._sums = ResampledSums(6 * self._classes)
        truth = np.asarray(label)
        maps = [class_map(reference), class_map(result)]
        if truth.size != maps[0].size:
            raise DatasetError(f"a label has {truth.size} elements, the model's output has {maps[0].size}")
        counts = [metrics.overlap_counts(m, truth.astype(np.int64), self._classes) for m in maps]
        self._sums.add(np.concatenate([c.reshape(-1) for c in counts]).astype(np.float64), weights)

    def finish(self) -> Scores:
        sums = self._sums or ResampledSums(6)
        return paired_scores(sums, _iou_pair)


def paired_scores(sums: ResampledSums, values: Any) -> Scores:
    """Scores from sums; `values` turns sums of shape (n, size) into both metrics, shape (n, 2)."""
    point = values(sums.total[None])[0]
    many = values(sums.replicates)
    return Scores(
        percentile_interval(float(point[0]), many[:, 0]),
        percentile_interval(float(point[1]), many[:, 1]),
        percentile_interval(float(point[1] - point[0]), many[:, 1] - many[:, 0]),
        None,
    )


def _rmse_pair(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    means = np.full((len(sums), 2), np.nan)
    np.divide(sums[:, :2], sums[:, 2:3], out=means, where=sums[:, 2:3] > 0)
    roots: NDArray[np.float64] = np.sqrt(means)
    return roots


def _iou_pair(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([[metrics.mean_iou(model) for model in row.reshape(2, 3, -1)] for row in sums])


def class_of(label: Array, classes: int) -> int:
    """The class number that a label stands for: a number, or one hot among `classes`. Raises DatasetError."""
    values = np.asarray(label).reshape(-1)
    if values.size == 1:
        wanted = int(values[0])
    elif values.size == classes and np.count_nonzero(values) == 1:
        wanted = int(np.argmax(values))
    else:
        raise DatasetError(f"a label of shape {np.shape(label)} names no single class", "give one class number each")
    if not 0 <= wanted < max(2, classes):
        raise DatasetError(f"label {wanted} is outside the model's {max(2, classes)} classes")
    return wanted


def class_from(output: Array) -> int:
    """The class that an output stands for; a whole number that the model gives is the class itself."""
    if output.size == 1 and output.dtype.kind in "iu":
        return int(output.reshape(-1)[0])
    return metrics.predicted_class(output.reshape(-1))


def class_map(output: Array) -> NDArray[np.int64]:
    """The class of each element of scores (…, classes); one channel is the probability of class 1."""
    if output.dtype.kind in "iu":
        return output.astype(np.int64)
    if output.shape[-1] == 1:
        return (output[..., 0] > 0.5).astype(np.int64)
    return np.asarray(np.argmax(output, axis=-1), np.int64)
