"""What quantization does to each tensor: range, error, saturation, from a few samples through both graphs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.quantize.islands import INTEGER
from edgekit.core.errors import DatasetError
from edgekit.core.progress import Progress, Silent, tracked
from edgekit.graph.codec import write
from edgekit.graph.model import Graph, Model, Tensor
from edgekit.graph.types import DType
from edgekit.runtime.affine import dequantize, integer_range
from edgekit.runtime.litert import LiteRT

Feed = Mapping[str, npt.NDArray[np.generic]]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """One tensor before and after.

    Attributes:
        tensor: its name. kind: the operator that makes it, or reads it if it is a weight.
        is_weight: whether it is a constant.
        dtype: how it is stored now.
        low, high: what it can hold now; the widest channel's, where there is a scale for each.
        seen_low, seen_high: what it held before.
        mse: mean squared error, in squared units of the tensor.
        sqnr_db: 10 log10(signal power / error power); infinite where there is no error, and None where no signal.
        saturation: the share of values, before, outside [low, high] of their channel.
    """

    tensor: str
    kind: str
    is_weight: bool
    dtype: str
    low: float
    high: float
    seen_low: float
    seen_high: float
    mse: float
    sqnr_db: float | None
    saturation: float

    def to_json(self) -> dict[str, object]:
        """Plain values; an infinite ratio is None."""
        plain = asdict(self)
        if self.sqnr_db is not None and math.isinf(self.sqnr_db):
            plain["sqnr_db"] = None
        return plain


@dataclass(frozen=True, slots=True)
class LayerReport:
    """The tensors in the order in which the graph uses them."""

    layers: tuple[Layer, ...]
    samples: int

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"samples": self.samples, "layers": [layer.to_json() for layer in self.layers]}


def report_layers(
    before: Model,
    after: Model,
    feeds: Iterable[Feed],
    progress: Progress | None = None,
    total: int | None = None,
) -> LayerReport:
    """Compare each tensor of `after` that is stored with fewer bits with the tensor of that name in `before`.

    Args:
        before, after: the float model and the quantized one that was made of it.
        feeds: a few inputs of `before`, by name, batch included. Memory does not grow with their number.

    Raises DatasetError where there are no feeds.
    """
    pairs = _pairs(before.main, after.main)
    first, second = LiteRT(write(before), keep_all=True), LiteRT(write(after), keep_all=True)
    count = 0
    for feed in tracked(feeds, "comparing layers", total, progress or Silent()):
        first.invoke(feed)
        second.invoke(_renamed(feed, first, second))
        for pair in pairs:
            pair.see(first.tensor(pair.index).reshape(-1), second.tensor(pair.other).reshape(-1))
        count += 1
    if not count:
        raise DatasetError("the per-layer report has no samples", "give a dataset with at least one")
    return LayerReport(tuple(_weights(before.main, after.main)) + tuple(p.layer() for p in pairs), count)


class _Pair:
    """An activation in both graphs, and the sums over what was seen of it."""

    def __init__(self, index: int, other: int, kind: str, before: Tensor, after: Tensor) -> None:
        self.index, self.other = index, other
        self._kind, self._before, self._after = kind, before, after
        self._low, self._high = _holds(after)
        self._error = self._signal = 0.0
        self._outside = self._count = 0
        self._seen_low, self._seen_high = math.inf, -math.inf

    def see(self, values: Floats, stored: npt.NDArray[np.generic]) -> None:
        real = _real(stored, self._after).reshape(-1)
        if not values.size or values.size != real.size:
            return
        self._error += float(np.square(values - real, dtype=np.float64).sum())
        self._signal += float(np.square(values, dtype=np.float64).sum())
        step = (self._high - self._low) * 1e-6  # an end of the range is inside, whatever float32 rounds it to
        self._outside += int(np.count_nonzero((values < self._low - step) | (values > self._high + step)))
        self._count += values.size
        self._seen_low = min(self._seen_low, float(values.min()))
        self._seen_high = max(self._seen_high, float(values.max()))

    def layer(self) -> Layer:
        count = max(self._count, 1)
        return Layer(
            self._before.name, self._kind, False, self._after.dtype.label, self._low, self._high,
            self._seen_low, self._seen_high, self._error / count, _ratio_db(self._signal, self._error),
            self._outside / count,
        )  # fmt: skip


def _pairs(before: Graph, after: Graph) -> list[_Pair]:
    """The activations that are integers now, in the order of the float graph."""
    stored = {t.name: i for i, t in enumerate(after.tensors)}
    makers = {id(t): op.kind for op in before.ops for t in op.outputs} | {id(t): "INPUT" for t in before.inputs}
    pairs = []
    for index, tensor in enumerate(before.tensors):
        if id(tensor) not in makers or tensor.dtype is not DType.FLOAT32:
            continue
        names = (f"{tensor.name}{INTEGER}", tensor.name, f"{tensor.name}_quantized")
        numbers = [stored[n] for n in names if n in stored and after.tensors[stored[n]].dtype is not DType.FLOAT32]
        if numbers:
            pairs.append(_Pair(index, numbers[0], makers[id(tensor)], tensor, after.tensors[numbers[0]]))
    return pairs


def _weights(before: Graph, after: Graph) -> list[Layer]:
    """The constants that are stored in fewer bits now, in the order in which operators read them."""
    now = {t.name: t for t in after.tensors if t.is_constant}
    layers, done = [], set()
    for op in before.ops:
        for tensor in op.inputs:
            if tensor is None or not tensor.is_constant or id(tensor) in done or tensor.dtype is not DType.FLOAT32:
                continue
            done.add(id(tensor))
            other = now.get(tensor.name)
            if other is not None and other.dtype.bits < 32 and other.shape == tensor.shape:
                layers.append(_weight(tensor, other, op.kind))
    return layers


def _weight(before: Tensor, after: Tensor, kind: str) -> Layer:
    values, stored = np.asarray(before.data, np.float32), after.data
    assert stored is not None
    real = _real(stored, after)
    error, signal = float(np.square(values - real).sum()), float(np.square(values).sum())
    low, high = _holds(after)
    step = np.abs(values - real)
    half = _half_step(after, values.ndim)
    saturated = float(np.count_nonzero(step > half * 1.001) / max(values.size, 1)) if half is not None else 0.0
    return Layer(
        before.name, kind, True, after.dtype.label, low, high, float(values.min()), float(values.max()),
        error / max(values.size, 1), _ratio_db(signal, error), saturated,
    )  # fmt: skip


def _half_step(tensor: Tensor, ndim: int) -> npt.NDArray[Any] | None:
    """Half a step of the grid, for each channel: a value that is off by more was outside."""
    grid = tensor.quantization
    if grid is None or not grid.scale.size:
        return None
    shape = [1] * ndim
    if grid.scale.size > 1:
        shape[grid.axis] = grid.scale.size
    half: npt.NDArray[Any] = grid.scale.reshape(shape) / 2
    return half


def _holds(tensor: Tensor) -> tuple[float, float]:
    """The least and the greatest real value that a stored tensor can take."""
    grid = tensor.quantization
    if grid is None or not grid.scale.size:
        limit = float(np.finfo(np.float16).max)
        return -limit, limit
    least, most = integer_range(tensor.dtype.numpy, tensor.dtype.bits)
    lows = (least - grid.zero_point) * grid.scale.astype(np.float64)
    highs = (most - grid.zero_point) * grid.scale.astype(np.float64)
    return float(lows.min()), float(highs.max())


def _real(stored: npt.NDArray[Any], tensor: Tensor) -> Floats:
    grid = tensor.quantization
    if grid is None or not grid.scale.size:
        return stored.astype(np.float32)
    return dequantize(stored, grid.scale, grid.zero_point, axis=grid.axis)


def _ratio_db(signal: float, error: float) -> float | None:
    if signal == 0:
        return None
    return math.inf if error == 0 else 10 * math.log10(signal / error)


def _renamed(feed: Feed, first: LiteRT, second: LiteRT) -> dict[str, npt.NDArray[np.generic]]:
    """The feed under the second model's names, by position."""
    return {b.name: feed[a.name] for a, b in zip(first.inputs, second.inputs, strict=True)}
