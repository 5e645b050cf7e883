"""The task's accuracy, measured on the device: samples go there in chunks, outputs come back and are scored here."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.bundle.manifest import MODEL, Manifest, PortSpec
from edgekit.bundle.read import Bundle
from edgekit.core.errors import DatasetError, DeviceError
from edgekit.core.progress import Progress, tracked
from edgekit.data.dataset import Dataset
from edgekit.data.feed import Binding, Feed, ModelInput, bind
from edgekit.measure.answer import outputs
from edgekit.measure.measurement import TaskAccuracy
from edgekit.measure.visit import Visit
from edgekit.runtime.affine import dequantize, quantize
from edgekit.verify.intervals import Resampler
from edgekit.verify.npz import write_npz
from edgekit.verify.scorers import scorer
from edgekit.verify.verification import Metric, On, Verification

Array = NDArray[Any]
RunChunk = Callable[[tuple[Array, ...]], Mapping[str, Array]]
"""Inputs in the model's order, stored as the model takes them, samples first -> outputs by name, samples first."""
_CHUNK_BYTES = 16 << 20
_WORKER, _SAMPLES, _OUTPUTS = "evaluate_worker.py", "samples.npz", "evaluated.npz"


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationSamples:
    """Labelled samples as the bundle's model takes them.

    Attributes:
        limit: at most so many, evenly spread; None takes all.
    """

    binding: Binding
    metric: Metric
    limit: int | None = None

    @staticmethod
    def of(bundle: Bundle, dataset: Dataset, limit: int | None = None) -> EvaluationSamples:
        """`dataset` for `bundle`. Raises DatasetError where it does not fit or has no labels."""
        if not dataset.has_labels or dataset.metric is None:
            raise DatasetError(f"{dataset.name} has no labels", "the accuracy on a device needs labelled samples")
        return EvaluationSamples(bind(dataset, _ports(bundle.manifest)), Metric(dataset.metric), limit)

    @property
    def count(self) -> int:
        """How many samples will run."""
        return min(self.binding.count, self.limit or self.binding.count)

    def are_those_of(self, manifest: Manifest) -> bool:
        """Whether the bundle was verified on exactly these samples, so that the two numbers may be subtracted."""
        verification = manifest.verification
        known = {d.sha256 for d in manifest.provenance.datasets if d.role == On.EVALUATION.value}
        return (
            verification is not None
            and verification.on is On.EVALUATION
            and verification.metric is self.metric
            and verification.sample_count == self.count
            and self.binding.dataset.digest in known
        )


def measure_task(bundle: Bundle, samples: EvaluationSamples, run: RunChunk, progress: Progress) -> TaskAccuracy:
    """The metric of `samples` with outputs that `run` gets from the device.

    Memory is bounded by one chunk (and, for an AUC, by all scores). Raises DeviceError where outputs are missing.
    """
    manifest, judge, resampler = bundle.manifest, scorer(samples.metric), Resampler()
    port = _judged_port(manifest, samples.metric)
    feeds = tracked(samples.binding.feeds(samples.limit), "evaluate on the device", samples.count, progress)
    for chunk in _chunks(feeds, _chunk_count(manifest)):
        found = run(_stored(chunk, manifest))
        values = found.get(port.name)
        if values is None or not _fits(values, port, len(chunk)):
            raise DeviceError(f"the device did not give {port.name} for each sample")
        for feed, value in zip(chunk, values, strict=True):
            real = _unbatched(_real(value, port))
            judge.add(real, real, np.asarray(feed.label), resampler.weights())
    scale = 100.0 if samples.metric.unit == "%" else 1.0
    value = judge.finish().result_value.scaled(scale)
    if not math.isfinite(value.value):
        raise DeviceError(f"the device's outputs give no number for {samples.metric.value}")
    low, high = (v if math.isfinite(v) else None for v in (value.low, value.high))
    return TaskAccuracy(samples.metric.value, samples.metric.unit, value.value, low, high, samples.count)


def chunk_runner(bundle: Bundle, visit: Visit, threads: int, kernels: str) -> RunChunk:
    """Runs chunks through the Python worker of a visit to which the model was brought."""
    names = tuple(port.name for port in bundle.manifest.outputs)
    request = EvaluateRequest(threads, kernels)
    most_bytes = 2 * (_CHUNK_BYTES + _sample_bytes(bundle.manifest))

    def run(arrays: tuple[Array, ...]) -> Mapping[str, Array]:
        visit.push(_SAMPLES, write_npz({f"input_{i}": array for i, array in enumerate(arrays)}))
        visit.bring_worker("worker.py")
        visit.ask(_WORKER, request)
        return outputs(visit.fetch(_OUTPUTS, most_bytes), names, visit.device)

    return run


@dataclass(frozen=True, slots=True)
class EvaluateRequest:
    """What the worker is asked for."""

    threads: int
    kernels: str

    def to_bytes(self) -> bytes:
        """The request file."""
        files = {"model": MODEL, "golden": _SAMPLES, "outputs": _OUTPUTS, "result": "result.json"}
        return json.dumps({"threads": self.threads, "kernels": self.kernels, **files}).encode()


def device_drop(verification: Verification | None, task: TaskAccuracy | None) -> float | None:
    """How many percentage points the device lost against the float model on the same samples; None where the numbers
    cannot be compared."""
    if verification is None or task is None or task.unit != "%":
        return None
    return verification.float_value.value - task.value


def _fits(values: Array, port: PortSpec, count: int) -> bool:
    """Whether these are `count` outputs of the port; a size that is not known until it runs may be any."""
    if values.ndim != len(port.shape) + 1 or len(values) != count or values.dtype.name != port.dtype:
        return False
    return all(there == said or said < 1 for there, said in zip(values.shape[1:], port.shape, strict=True))


def _ports(manifest: Manifest) -> list[ModelInput]:
    """The inputs as the float model takes them: quantized ones as real numbers."""
    return [
        ModelInput(port.name, port.shape, np.dtype("float32" if port.quantization else port.dtype))
        for port in manifest.inputs
    ]


def _judged_port(manifest: Manifest, metric: Metric) -> PortSpec:
    """The output that the metric judges: for classes the first that is a row of scores."""
    if metric in (Metric.TOP1, Metric.TOP5, Metric.AUC):
        rows = (port for port in manifest.outputs if len(port.shape) <= 2)
        return next(rows, manifest.outputs[0])
    return manifest.outputs[0]


def _chunk_count(manifest: Manifest) -> int:
    """How many samples fit into a chunk, inputs and outputs together."""
    return max(1, _CHUNK_BYTES // max(1, _sample_bytes(manifest)))


def _sample_bytes(manifest: Manifest) -> int:
    ports = (*manifest.inputs, *manifest.outputs)
    return sum(abs(math.prod(port.shape)) * np.dtype(port.dtype).itemsize for port in ports)


def _chunks(feeds: Iterator[Feed], count: int) -> Iterator[list[Feed]]:
    chunk: list[Feed] = []
    for feed in feeds:
        chunk.append(feed)
        if len(chunk) == count:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _stored(chunk: list[Feed], manifest: Manifest) -> tuple[Array, ...]:
    """The inputs of a chunk in the model's order, as the model stores them."""
    return tuple(np.stack([_as_stored(feed.inputs[port.name], port) for feed in chunk]) for port in manifest.inputs)


def _as_stored(array: Array, port: PortSpec) -> Array:
    q = port.quantization
    return array if q is None else quantize(array, q.scale, q.zero_point, np.dtype(port.dtype))


def _real(array: Array, port: PortSpec) -> Array:
    q = port.quantization
    return array if q is None else dequantize(array, q.scale, q.zero_point)


def _unbatched(array: Array) -> Array:
    return array[0] if array.ndim > 1 and array.shape[0] == 1 else array
