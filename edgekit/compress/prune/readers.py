"""The products that read a group's units, with what samples say of their inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.compress.linear import groups_of, is_linear, positions, rows, to_matrix
from edgekit.compress.moments import Moments
from edgekit.compress.prune.coupling import Group, Role
from edgekit.compress.prune.importance import Places, Reader
from edgekit.compress.prune.sampling import SampleSplit, some_rows
from edgekit.compress.prune.watch import Watch
from edgekit.core.errors import ModelError
from edgekit.core.progress import Progress, tracked
from edgekit.graph.model import Model, Op
from edgekit.graph.ops import activation_of, weights_of

MAX_TAPS = 4608
"""Products with more (512 channels of 3x3 have so many) are left alone: a matrix of their moments takes 170 MB."""

MOMENT_BYTES = 512 * 2**20
"""So much is held at one time."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """An operator that reads units of a group; `weights` is its product's matrix by convolution group."""

    op: Op
    group: str
    readers: tuple[Reader, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """An operator and where a group's units are among its taps: (convolution groups, taps), -1 for what is not."""

    op: Op
    group: str
    marks: Places


def readings(
    model: Model, groups: Sequence[Group], samples: SampleSplit, progress: Progress
) -> Iterator[tuple[Group, tuple[Reading, ...]]]:
    """For each group its readers, as the fitting samples show them. Groups come in batches that fit `MOMENT_BYTES`.

    An operator that is no plain product (see `is_linear`), or too large a one, is not among them.
    """
    ops = {op.name: op for op in model.main.ops}
    wanted = {g.name: _wanted(g, ops) for g in groups}
    for number, batch in enumerate(_batches(groups, wanted)):
        every = [w for g in batch for w in wanted[g.name]]
        label = "channel statistics" if not number else f"channel statistics, part {number + 1}"
        moments = _moments(model, list(dict.fromkeys(w.op for w in every)), samples, progress, label)
        for group in batch:
            yield group, tuple(_reading(w, moments[w.op]) for w in wanted[group.name])


def _wanted(group: Group, ops: Mapping[str, Op]) -> tuple[_Wanted, ...]:
    found: dict[str, _Wanted] = {}
    for part in group.parts:
        op = ops.get(part.op)
        weights = weights_of(op) if op is not None else None
        if part.role is not Role.CONSUMES or op is None or weights is None or weights.name != part.tensor:
            continue
        if not is_linear(op) or weights.data is None:
            continue
        along = np.full(weights.shape[part.axis], -1, np.intp)
        for unit, places in enumerate(part.places):
            along[places] = unit
        shape = [1] * len(weights.shape)
        shape[part.axis] = -1
        marks = to_matrix(op, np.broadcast_to(along.reshape(shape), weights.shape))[:, :, 0]
        if marks.shape[1] <= MAX_TAPS:
            found[op.name] = _Wanted(op, group.name, marks)
    return tuple(found.values())


def _batches(groups: Sequence[Group], wanted: Mapping[str, tuple[_Wanted, ...]]) -> Iterator[list[Group]]:
    batch: list[Group] = []
    held = 0
    for group in groups:
        needed = sum(2 * 8 * w.marks.size * w.marks.shape[1] for w in wanted[group.name])
        if batch and held + needed > MOMENT_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(group)
        held += needed
    if batch:
        yield batch


def _moments(
    model: Model, ops: Sequence[Op], samples: SampleSplit, progress: Progress, label: str
) -> dict[Op, Moments]:
    """Of the inputs of operators, from all samples but the held out ones."""
    found = {op: Moments(groups_of(op), _taps(op)) for op in ops}
    if not ops:
        return found
    inputs = [_data(op) for op in ops]
    fed = {port.tensor: port.name for port in model.inputs()}
    computed = list(dict.fromkeys(t for t in inputs if t not in fed))
    watch = Watch(model, computed) if computed else None
    for number, feed in enumerate(tracked(samples.all(), label, samples.count, progress)):
        if samples.is_held_out(number) and samples.count > 1:
            continue
        seen = dict(zip(computed, watch.see(feed), strict=True)) if watch else {}
        for op, tensor in zip(ops, inputs, strict=True):
            data = np.asarray(seen[tensor] if tensor in seen else feed[fed[tensor]], np.float32)
            found[op].add(rows(op, data, some_rows(positions(op), number)))
    return found


def _reading(wanted: _Wanted, moments: Moments) -> Reading:
    weights = to_matrix(wanted.op, np.asarray(_weights(wanted.op), np.float64))
    covariance, mean = moments.covariance, moments.mean
    readers = []
    for g, marks in enumerate(wanted.marks):
        units = np.unique(marks[marks >= 0])
        taps = np.stack([np.flatnonzero(marks == u) for u in units]) if units.size else np.zeros((0, 1), np.intp)
        readers.append(Reader(mean[g], covariance[g], weights[g], units, taps))
    return Reading(wanted.op, wanted.group, tuple(readers))


def _taps(op: Op) -> int:
    return int(to_matrix(op, _weights(op)).shape[1])


def _weights(op: Op) -> np.ndarray:
    tensor = weights_of(op)
    if tensor is None or tensor.data is None:
        raise ModelError(f"Operator {op.label} '{op.name}' has no weights.")
    return tensor.data


def _data(op: Op):
    tensor = activation_of(op)
    if tensor is None:
        raise ModelError(f"Operator {op.label} '{op.name}' has no data input.")
    return tensor
