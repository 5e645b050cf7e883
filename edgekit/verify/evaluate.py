"""Float model against result on samples, in one pass over both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import DatasetError, ModelError, UsageError
from edgekit.core.progress import Progress, tracked
from edgekit.runtime.litert import Kernels, LiteRT
from edgekit.verify import metrics
from edgekit.verify.intervals import Estimate, ResampledSums, Resampler, percentile_interval, wilson
from edgekit.verify.outputs import Array, Feed, FloatOutputs, fitted
from edgekit.verify.scorers import class_from, class_map, scorer
from edgekit.verify.verification import Metric, On, OutputError, Verification

_CLASS_METRICS = (Metric.TOP1, Metric.TOP5, Metric.AUC, Metric.AGREEMENT)
_FEW_POINTS = 1.0  # an interval wider than this to either side cannot answer "within one point"


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """How to evaluate.

    Attributes:
        metric: None picks one by the shapes of outputs and labels.
        on: None means evaluation if the samples have labels. On CALIBRATION labels are not looked at.
        kernels: which kernels run the result: REFERENCE is what a microcontroller computes, XNNPACK what phones do.
        float_kernels: which kernels run the float model.
        threads: of each model.
        total: how many samples, for the progress bar.
        output: which output the metric judges; empty picks the first that suits it.
    """

    metric: Metric | None = None
    on: On | None = None
    kernels: Kernels = Kernels.XNNPACK
    float_kernels: Kernels = Kernels.XNNPACK
    threads: int = 1
    total: int | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class _Pair:
    """One sample through both models: outputs by name, with batch dimension, as real numbers."""

    reference: Mapping[str, Array]
    result: Mapping[str, Array]
    feed: Feed


def evaluate(
    float_model: bytes | FloatOutputs,
    result_model: bytes,
    feeds: Iterable[Feed],
    options: EvaluateOptions,
    progress: Progress,
) -> Verification:
    """Judge `result_model` against `float_model` on the same samples.

    Args:
        float_model: the model, or its outputs on exactly these feeds.
        result_model: what was made of it; its outputs are compared as real numbers.
        feeds: samples as the float model takes them, streamed: memory does not grow with their number (but for
            the scores that an AUC has to keep).

    Raises ModelError where a model cannot run or gives NaN, DatasetError for labels that do not fit or no samples.
    """
    judge = None
    pairs = _pairs(float_model, result_model, feeds, options)
    for index, pair in enumerate(tracked(pairs, "verify", options.total, progress)):
        judge = judge or _Judge(pair, options)
        judge.add(pair, index)
    if judge is None:
        raise DatasetError("there are no samples to verify on")
    kernels = float_model.kernels if isinstance(float_model, FloatOutputs) else options.float_kernels.value
    return judge.verdict(kernels, options.kernels.value)


def _pairs(
    float_model: bytes | FloatOutputs, result_model: bytes, feeds: Iterable[Feed], options: EvaluateOptions
) -> Iterator[_Pair]:
    """Outputs of both models for each sample."""
    result = LiteRT(result_model, threads=options.threads, kernels=options.kernels)
    if isinstance(float_model, FloatOutputs):
        rows = float_model.rows()
        for feed in feeds:
            reference = next(rows, None)
            if reference is None:
                raise UsageError(f"stored float outputs end after {float_model.count} samples")
            yield _Pair(reference, _run(result, feed), feed)
        return
    runner = LiteRT(float_model, threads=options.threads, kernels=options.float_kernels)
    for feed in feeds:
        yield _Pair(_run(runner, feed), _run(result, feed), feed)


def _run(runner: LiteRT, feed: Feed) -> dict[str, Array]:
    return runner.run_float(fitted(feed.inputs, runner.inputs))


class _Judge:
    """What is summed up while samples pass; set up by the first one."""

    def __init__(self, first: _Pair, options: EvaluateOptions) -> None:
        self._on = options.on or (On.CALIBRATION if first.feed.label is None else On.EVALUATION)
        self._names = _matched(first.reference, first.result)
        self._output = _chosen_output(first.reference, options)
        self._metric = _chosen_metric(first, self._output, options.metric, self._on)
        self._scorer = scorer(self._metric)
        self._errors = {name: _OutputSums() for name, array in first.reference.items() if array.dtype.kind in "fiub"}
        self._resampler = Resampler()
        self._count = self._agreed = 0

    def add(self, pair: _Pair, index: int) -> None:
        """Count one sample."""
        weights = self._resampler.weights()
        for name, sums in self._errors.items():
            sums.add(pair.reference[name], _sound(pair.result[self._names[name]], name, index), weights)
        reference = _unbatched(_sound(pair.reference[self._output], self._output, index))
        result = _unbatched(pair.result[self._names[self._output]])
        label = self._label(pair, reference, index)
        self._scorer.add(reference, result, label, weights)
        if self._metric in _CLASS_METRICS:
            self._agreed += class_from(reference) == class_from(result)
        self._count += 1

    def verdict(self, float_kernels: str, kernels: str) -> Verification:
        """The result."""
        scores, scale = self._scorer.finish(), 100.0 if self._metric.unit == "%" else 1.0
        outputs = tuple(sums.finish(name) for name, sums in self._errors.items())
        worst = min(outputs, key=lambda o: o.sqnr_db.value, default=None)
        agreement = wilson(self._agreed, self._count).scaled(100) if self._metric in _CLASS_METRICS else None
        difference, p_value = scores.difference.scaled(scale), scores.p_value
        if self._metric is Metric.AGREEMENT and agreement:  # the float model agrees with itself: nothing to gain
            difference, p_value = Estimate(*(v - 100 for v in (agreement.value, agreement.low, agreement.high))), None
        return Verification(
            metric=self._metric,
            unit=self._metric.unit,
            on=self._on,
            sample_count=self._count,
            float_value=scores.float_value.scaled(scale),
            result_value=scores.result_value.scaled(scale),
            difference=difference,
            p_value=p_value,
            agreement=agreement,
            sqnr_db=worst.sqnr_db.value if worst else math.nan,
            cosine=min((o.cosine for o in outputs), default=math.nan),
            outputs=outputs,
            float_kernels=float_kernels,
            kernels=kernels,
            note=_note(self._metric, self._on, self._count, difference),
        )

    def _label(self, pair: _Pair, reference: Array, index: int) -> Array:
        """The sample's label; on samples without labels, what the float model says."""
        if self._on is On.EVALUATION:
            if pair.feed.label is None:
                raise DatasetError(f"sample {index} has no label", "give labelled samples, or none with labels")
            return np.asarray(pair.feed.label)
        if self._metric is Metric.RMSE:
            return reference
        if self._metric is Metric.MIOU:
            return class_map(reference)
        return np.asarray(class_from(reference))


class _OutputSums:
    """The error of one output over all samples: four sums, their replicates and a maximum."""

    def __init__(self) -> None:
        self._sums = ResampledSums(4)
        self._max_abs = 0.0

    def add(self, reference: Array, result: Array, weights: NDArray[np.float64]) -> None:
        if reference.size != result.size:
            raise ModelError(f"an output of shape {reference.shape} became one of shape {result.shape}")
        self._sums.add(np.array(metrics.powers(result, reference)), weights)
        gap = np.abs(np.asarray(reference, np.float64).reshape(-1) - np.asarray(result, np.float64).reshape(-1))
        self._max_abs = max(self._max_abs, float(gap.max(initial=0.0)))

    def finish(self, name: str) -> OutputError:
        signal, noise, power, product = (float(v) for v in self._sums.total)
        many = np.array([metrics.decibels(float(row[0]), float(row[1])) for row in self._sums.replicates])
        sqnr = percentile_interval(metrics.decibels(signal, noise), many)
        return OutputError(name, sqnr, metrics.cosine_of(product, signal, power), self._max_abs)


def _matched(reference: Mapping[str, Array], result: Mapping[str, Array]) -> dict[str, str]:
    """The result's name for each output of the float model: the same, or the one at the same place."""
    if set(reference) == set(result):
        return {name: name for name in reference}
    if len(reference) != len(result):
        raise ModelError(f"the float model has {len(reference)} outputs, the result {len(result)}")
    return dict(zip(reference, result, strict=True))


def _chosen_output(reference: Mapping[str, Array], options: EvaluateOptions) -> str:
    """The output that the metric judges."""
    if options.output:
        if options.output not in reference:
            raise UsageError(f"the model has no output {options.output!r}", f"known: {', '.join(reference)}")
        return options.output
    if options.metric in _CLASS_METRICS:
        scores = [name for name, array in reference.items() if _unbatched(array).ndim <= 1]
        return next(iter(scores), next(iter(reference)))
    return next(iter(reference))


def _chosen_metric(first: _Pair, output: str, wanted: Metric | None, on: On) -> Metric:
    """The metric: the one wanted, else what outputs and labels look like."""
    scores = _unbatched(first.reference[output])
    if on is On.CALIBRATION:
        if wanted is None:
            copies_input = any(scores.size == array.size for array in first.feed.inputs.values())
            return Metric.AGREEMENT if scores.ndim == 1 and scores.size > 1 and not copies_input else Metric.RMSE
        return wanted if wanted in (Metric.RMSE, Metric.MIOU) else Metric.AGREEMENT
    if wanted is Metric.AGREEMENT:
        raise UsageError("agreement needs no labels", "choose top1, top5, auc, rmse or miou, or leave the labels out")
    if wanted is not None:
        return wanted
    label = np.asarray(first.feed.label)
    if label.size == 1 and label.dtype.kind in "iub":
        return Metric.TOP1 if scores.size > 1 or scores.dtype.kind in "iu" else Metric.AUC
    return Metric.RMSE if label.size == scores.size else Metric.MIOU


def _unbatched(array: Array) -> Array:
    """Without the batch dimension of 1, which outputs of some old models do not have."""
    return array[0] if array.ndim > 1 and array.shape[0] == 1 else array


def _sound(array: Array, name: str, index: int) -> Array:
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ModelError(f"output {name} is not a number (NaN) for sample {index}")
    return array


def _note(metric: Metric, on: On, count: int, difference: Estimate) -> str:
    """What limits the numbers, in sentences."""
    notes = []
    if on is On.CALIBRATION:
        notes.append("No labels: the reference is what the float model says, so this tells how close, not how good.")
    half = max(difference.high - difference.value, difference.value - difference.low)
    if metric.unit == "%" and math.isnan(half):
        notes.append(f"Only {count} samples, or only one class: the difference has no interval.")
    elif metric.unit == "%" and half > _FEW_POINTS:
        notes.append(f"Only {count} samples: the difference is known to ± {half:.1f} points.")
    return " ".join(notes)
