"""Channels that hold the same value whatever comes in: they can go, and their value moves into a bias."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from edgekit.compress.linear import groups_of, is_linear, rows, to_matrix
from edgekit.compress.probe import Feed
from edgekit.compress.prune.coupling import Group, Part, Role
from edgekit.compress.prune.sampling import SampleSplit
from edgekit.compress.prune.watch import Watch
from edgekit.core.progress import Progress, tracked
from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of

NOISE = 32
"""So many made-up inputs are looked at beside the samples: a channel that only the samples leave silent is not dead."""

_STILL = 1e-6  # in shares of what the tensor's channels span: what float32 sums cannot tell from nothing


@dataclass(frozen=True, slots=True, eq=False)
class _Span:
    """The least and the greatest value of every channel of a tensor."""

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]

    @property
    def is_still(self) -> npt.NDArray[np.bool_]:
        """Which channels never change."""
        return self.high - self.low <= _STILL * max(float(self.high.max() - self.low.min()), 1e-30)

    @property
    def value(self) -> npt.NDArray[np.float64]:
        """What those hold."""
        middle = (self.high + self.low) / 2
        return np.where(np.abs(middle) <= _STILL * max(float(self.high.max() - self.low.min()), 1e-30), 0.0, middle)


@dataclass(frozen=True, slots=True, eq=False)
class Dead:
    """The units that do nothing, by group, and a clone of the model whose biases hold what those had brought."""

    gone: Mapping[str, tuple[int, ...]]
    folded: Model


def find_dead(model: Model, groups: Sequence[Group], samples: SampleSplit, progress: Progress) -> Dead:
    """Units whose channels are constant, on all samples and on noise, wherever they are read.

    Given   x ─ conv A ─ a, of which one channel is always 0.7 ─ conv B
    Result  that unit; and B's bias with 0.7 times the weights that read it added

    A constant other than zero is given up only to a product that sees it at every tap (no padding) and has a bias of
    its own. One unit of each group stays.
    """
    folded = model.clone()
    free = [g for g in groups if not g.pinned]
    ops = {op.name: op for op in model.main.ops}
    watched = list(dict.fromkeys(t for g in free for _, t, _ in _read(g, ops)))
    if not watched:
        return Dead({}, folded)
    feeds = chain(samples.all(), noise(samples))
    shared = {t for t, users in model.main.readers().items() if len(users) > 1}
    spans = _spans(model, watched, tracked(feeds, "dead channels", samples.count + NOISE, progress))
    gone = {g.name: found for g in free if (found := _dead_units(g, ops, spans, shared))}
    for group in free:
        if units := gone.get(group.name):
            _fold(folded.main, group, units, ops, spans)
    return Dead(gone, folded)


def noise(samples: SampleSplit) -> Iterator[Feed]:
    """Inputs within the samples' limits that are unlike them: even noise, extremes, flat ones, and negatives."""
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for feed in samples.all():
        for name, values in feed.items():
            low[name] = min(low.get(name, np.inf), float(values.min()))
            high[name] = max(high.get(name, -np.inf), float(values.max()))
    rng = np.random.default_rng(0)
    feeds = list(samples.held_out(NOISE))
    for number in range(NOISE):
        yield {n: _noise(v, low[n], high[n], number % 4, rng) for n, v in feeds[number % len(feeds)].items()}


def _noise(
    like: npt.NDArray[np.generic], low: float, high: float, kind: int, rng: np.random.Generator
) -> npt.NDArray[np.generic]:
    if like.dtype.kind != "f":
        return like if like.dtype.kind not in "iu" else rng.integers(int(low), int(high) + 1, like.shape, like.dtype)
    if kind == 0:
        return rng.uniform(low, high, like.shape).astype(like.dtype)
    if kind == 1:
        return rng.choice(np.array([low, high]), like.shape).astype(like.dtype)
    if kind == 2:
        return np.broadcast_to(rng.choice(np.array([low, high]), like.shape[-1:]), like.shape).astype(like.dtype)
    return np.asarray(low + high - np.asarray(like, np.float64), like.dtype)


def _read(group: Group, ops: Mapping[str, Op]) -> Iterator[tuple[Op, Tensor, Part]]:
    """The operators that sum over a group's units, with the activations in which they find them."""
    carriers = {part.tensor: part for part in group.parts if part.role is not Role.PRODUCES}
    for name in dict.fromkeys(p.op for p in group.parts if p.role is Role.CONSUMES):
        for tensor in ops[name].inputs:
            if tensor is not None and not tensor.is_constant and tensor.name in carriers:
                yield ops[name], tensor, carriers[tensor.name]


def _spans(model: Model, tensors: Sequence[Tensor], feeds: Iterable[Feed]) -> dict[tuple[Tensor, int], _Span]:
    """By tensor and axis."""
    watch = Watch(model, tensors)
    found: dict[tuple[Tensor, int], _Span] = {}
    for feed in feeds:
        for tensor, values in watch.see(feed).items():
            real = np.asarray(values, np.float64)
            for axis in range(real.ndim):
                others = tuple(a for a in range(real.ndim) if a != axis)
                span = _Span(real.min(axis=others), real.max(axis=others))
                old = found.get((tensor, axis), span)
                found[tensor, axis] = _Span(np.minimum(old.low, span.low), np.maximum(old.high, span.high))
    return found


def _dead_units(
    group: Group, ops: Mapping[str, Op], spans: Mapping[tuple[Tensor, int], _Span], shared: set[Tensor]
) -> tuple[int, ...]:
    dead = np.ones(group.units, bool)
    read = False
    for op, tensor, part in _read(group, ops):
        read = True
        span = spans[tensor, part.axis]
        still = span.is_still[part.places].all(axis=1)
        zero = (span.value[part.places] == 0).all(axis=1)
        dead &= still & (zero | (_takes_constants(op, tensor) and bias_of(op) not in shared))
    units = np.flatnonzero(dead & read)
    return tuple(int(u) for u in units[int(len(units) == group.units) :])


def _takes_constants(op: Op, data: Tensor) -> bool:
    """Whether a constant channel of `data` brings the same to every output of a product, and a bias can hold it."""
    if not is_linear(op) or activation_of(op) is not data or groups_of(op) != 1:
        return False
    bias = bias_of(op)
    return bias is not None and bool((rows(op, np.ones(data.shape, np.float32)) == 1).all())


def _fold(
    graph: Graph,
    group: Group,
    units: Sequence[int],
    ops: Mapping[str, Op],
    spans: Mapping[tuple[Tensor, int], _Span],
) -> None:
    """Add what dead units bring to the biases of a clone's operators."""
    mine = {op.name: op for op in graph.ops}
    for op, tensor, part in _read(group, ops):
        places = part.places[list(units)].ravel()
        value = np.zeros(tensor.shape[part.axis])
        value[places] = spans[tensor, part.axis].value[places]
        if not value.any():
            continue
        weights, bias = weights_of(mine[op.name]), bias_of(mine[op.name])
        assert weights is not None and bias is not None and bias.data is not None
        shape = [-1 if a == part.axis else 1 for a in range(len(tensor.shape))]
        data = np.broadcast_to(value.reshape(shape), tensor.shape)
        brought = rows(op, data, np.array([0]))[0, 0] @ to_matrix(op, np.asarray(weights.data, np.float64))[0]
        bias.set_data((bias.data + brought.reshape(bias.shape)).astype(np.float32))
