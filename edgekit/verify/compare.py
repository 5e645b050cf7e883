"""Two models layer by layer: where the error enters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgekit.core.errors import DatasetError, ModelError
from edgekit.core.progress import Progress, tracked
from edgekit.core.records import from_record, to_record
from edgekit.graph.codec import read
from edgekit.graph.model import Graph, Op, Tensor
from edgekit.runtime.affine import dequantize
from edgekit.runtime.litert import Kernels, LiteRT
from edgekit.verify import metrics
from edgekit.verify.match import Match, MatchedBy, computing_ops, match_ops
from edgekit.verify.outputs import Array, Feed, fitted

CLEAN_DB = 40.0
"""Above this nothing is wrong: it is what 8 bits give a signal that fills a quarter of its range
(6.02 * 8 + 1.76 - 12 dB is 38 for a sine; Bennett 1948), so a drop from more to this is no finding."""


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How to compare.

    Attributes:
        kernels_a, kernels_b: XNNPACK is not offered by default because a delegate hides the tensors inside it.
        total: how many samples, for the progress bar.
    """

    kernels_a: Kernels = Kernels.BUILTIN
    kernels_b: Kernels = Kernels.BUILTIN
    total: int | None = None


@dataclass(frozen=True, slots=True)
class LayerError:
    """One operator's output in both models, over all samples taken as one signal.

    Attributes:
        kind: of the operator in A.
        tensor_a, tensor_b: names of the output.
        matched_by: whether names or places say that they belong together.
        shape: in A.
        dtype_a, dtype_b: how each stores it.
        mse, max_abs: of B against A, in the tensor's real unit.
        sqnr_db, cosine: of B against A.
        inherited_db: the lowest SQNR of what goes in; inf where nothing that goes in differs.
        introduced_db: the SQNR that the output would have if its inputs were exact, taking errors as independent
            and passed on unamplified; inf where the operator adds none.
        drop_db: how much worse the output is than the worst input, both capped at `CLEAN_DB`.
        weight_bytes_a, weight_bytes_b: constants that the operator reads.
    """

    kind: str
    tensor_a: str
    tensor_b: str
    matched_by: MatchedBy
    shape: tuple[int, ...]
    dtype_a: str
    dtype_b: str
    mse: float
    max_abs: float
    sqnr_db: float
    cosine: float
    inherited_db: float
    introduced_db: float
    drop_db: float
    weight_bytes_a: int
    weight_bytes_b: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """All layers that both models have, in the order of A, and the names of those that only one has."""

    layers: tuple[LayerError, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    sample_count: int
    kernels_a: str
    kernels_b: str

    def first_drop(self, threshold_db: float = 6.0) -> LayerError | None:
        """The first layer that is more than `threshold_db` worse than what goes into it (6 dB: one bit)."""
        return next((layer for layer in self.layers if layer.drop_db > threshold_db), None)

    def worst(self, count: int = 5) -> tuple[LayerError, ...]:
        """The layers that add the most error of their own."""
        return tuple(sorted(self.layers, key=lambda layer: layer.introduced_db)[:count])

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return dict(to_record(self))

    @staticmethod
    def from_json(record: object, where: str = "comparison") -> Comparison:
        """The inverse of `to_json`. Raises ModelError."""
        return from_record(Comparison, record, where)


def compare_models(
    a: bytes, b: bytes, feeds: Iterable[Feed], options: CompareOptions, progress: Progress
) -> Comparison:
    """Compare every layer that `a` and `b` share, on the same samples; memory does not grow with their number.

    Args:
        a: the reference, often the float model; `feeds` are what it takes.
        b: what was made of it; its integer tensors are compared as real numbers.

    Raises ModelError when a model cannot run or the two share no layer, DatasetError without samples.
    """
    side_a, side_b = _Side(a, options.kernels_a), _Side(b, options.kernels_b)
    matches = match_ops(side_a.graph, side_b.graph)
    if not matches:
        raise ModelError("the two models have no layer in common", "compare a model with what was made of it")
    inputs = list(zip(side_a.graph.inputs, side_b.graph.inputs, strict=False))
    pairs = [*inputs, *((m.tensor_a, m.tensor_b) for m in matches)]
    sums = [_Sums() for _ in pairs]
    count = 0
    for feed in tracked(feeds, "compare", options.total, progress):
        side_a.invoke(feed)
        side_b.invoke(feed)
        for total, (tensor_a, tensor_b) in zip(sums, pairs, strict=True):
            total.add(side_a.values(tensor_a), side_b.values(tensor_b), tensor_a.name)
        count += 1
    if not count:
        raise DatasetError("there are no samples to compare on")
    by_tensor = {id(tensor_b): total for total, (_, tensor_b) in zip(sums, pairs, strict=True)}
    only_a, only_b = _unmatched(side_a.graph, side_b.graph, matches)
    layers = _layers(matches, by_tensor, side_b.graph)
    return Comparison(layers, only_a, only_b, count, options.kernels_a.value, options.kernels_b.value)


class _Side:
    """One model, run with every tensor kept."""

    def __init__(self, model: bytes, kernels: Kernels) -> None:
        self.graph = read(model).main
        self._runner = LiteRT(model, kernels=kernels, keep_all=True)
        self._index = {id(tensor): index for index, tensor in enumerate(self.graph.tensors)}

    def invoke(self, feed: Feed) -> None:
        """Run one sample."""
        self._runner.invoke(fitted(feed.inputs, self._runner.inputs))

    def values(self, tensor: Tensor) -> Array:
        """What a tensor holds now, as real numbers."""
        stored = self._runner.tensor(self._index[id(tensor)])
        quantization = tensor.quantization
        if quantization is None or not tensor.is_quantized:
            return np.array(stored)
        return dequantize(stored, quantization.scale, quantization.zero_point, axis=quantization.axis)


class _Sums:
    """The error of one tensor over all samples."""

    def __init__(self) -> None:
        self._powers = np.zeros(4)
        self._count = 0
        self.max_abs = 0.0

    def add(self, reference: Array, result: Array, name: str) -> None:
        """Count one sample."""
        if reference.size != result.size:
            raise ModelError(f"tensor {name} is {reference.shape} in one model and {result.shape} in the other")
        self._powers += metrics.powers(result, reference)
        self._count += reference.size
        gap = np.abs(np.asarray(result, np.float64).reshape(-1) - np.asarray(reference, np.float64).reshape(-1))
        self.max_abs = max(self.max_abs, float(gap.max(initial=0.0)))

    @property
    def mse(self) -> float:
        """Mean squared error."""
        return float(self._powers[1] / self._count) if self._count else math.nan

    @property
    def sqnr_db(self) -> float:
        """Signal to error."""
        return metrics.decibels(float(self._powers[0]), float(self._powers[1]))

    @property
    def cosine(self) -> float:
        """Of the two signals."""
        return metrics.cosine_of(float(self._powers[3]), float(self._powers[0]), float(self._powers[2]))


def _layers(matches: list[Match], sums: Mapping[int, _Sums], b: Graph) -> tuple[LayerError, ...]:
    """Each match with what it inherits through operators that have no partner, such as QUANTIZE."""
    producers = {id(tensor): op for op in b.ops for tensor in op.outputs}
    lowest: dict[int, float] = {}

    def reaching(tensor: Tensor) -> float:
        """The SQNR of what `tensor` holds, or of the nearest known tensors before it."""
        key = id(tensor)
        if key in sums:
            return sums[key].sqnr_db
        if key not in lowest:
            lowest[key] = math.inf  # also ends the walk should a graph be circular
            op = producers.get(key)
            lowest[key] = inherited(op) if op else math.inf
        return lowest[key]

    def inherited(op: Op) -> float:
        return min((reaching(t) for t in op.inputs if t is not None and not t.is_constant), default=math.inf)

    return tuple(_layer(match, sums[id(match.tensor_b)], inherited(match.op_b)) for match in matches)


def _layer(match: Match, sums: _Sums, inherited_db: float) -> LayerError:
    return LayerError(
        kind=match.op_a.kind,
        tensor_a=match.tensor_a.name,
        tensor_b=match.tensor_b.name,
        matched_by=match.by,
        shape=match.tensor_a.shape,
        dtype_a=match.tensor_a.dtype.label,
        dtype_b=match.tensor_b.dtype.label,
        mse=sums.mse,
        max_abs=sums.max_abs,
        sqnr_db=sums.sqnr_db,
        cosine=sums.cosine,
        inherited_db=inherited_db,
        introduced_db=introduced_db(sums.sqnr_db, inherited_db),
        drop_db=max(0.0, min(inherited_db, CLEAN_DB) - min(sums.sqnr_db, CLEAN_DB)),
        weight_bytes_a=_weight_bytes(match.op_a),
        weight_bytes_b=_weight_bytes(match.op_b),
    )


def introduced_db(own_db: float, inherited_db: float) -> float:
    """What is left of an output's error when the inherited one is taken off, as an SQNR.

    Both errors are shares of their signal's power: `noise = 10^(-dB/10)`. Independent errors add as powers.
    """
    if own_db == -math.inf:
        return own_db
    rest = 10 ** (-own_db / 10) - (10 ** (-inherited_db / 10) if inherited_db > -math.inf else math.inf)
    return -10 * math.log10(rest) if rest > 0 else math.inf


def _weight_bytes(op: Op) -> int:
    return sum(tensor.nbytes for tensor in op.inputs if tensor is not None and tensor.is_constant)


def _unmatched(a: Graph, b: Graph, matches: list[Match]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the layers that only one of the graphs has."""
    known = {id(m.op_a) for m in matches} | {id(m.op_b) for m in matches}
    only = [tuple(op.outputs[0].name for op in computing_ops(g) if id(op) not in known) for g in (a, b)]
    return only[0], only[1]
