"""The products that read a group's units, with what samples say of their inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.compress.linear import groups_of, positions, rows, to_matrix
from edgekit.compress.moments import Moments
from edgekit.compress.prune.coupling import Group, Role
from edgekit.compress.prune.importance import Places, Reader
from edgekit.compress.prune.product import Product, product_of
from edgekit.compress.prune.sampling import SampleSplit, some_rows
from edgekit.compress.prune.watch import Watch
from edgekit.core.progress import Progress, tracked
from edgekit.graph.model import Model, Op

MOMENT_BYTES = 512 * 2**20
"""So much is held at one time."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """An operator that reads units of a group, as one reader for each of its convolution groups.

    Attributes:
        rows: how many rows its moments rest on.
    """

    op: str
    readers: tuple[Reader, ...]
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    """A product and where a group's units are among its taps: (convolution groups, taps), -1 for what is not."""

    product: Product
    marks: Places


def readings(
    model: Model, groups: Sequence[Group], samples: SampleSplit, progress: Progress
) -> Iterator[tuple[Group, tuple[Reading, ...]]]:
    """For each group its readers, as the fitting samples show them. Groups come in batches that fit `MOMENT_BYTES`.

    An operator that is no plain product, too large a one, or one whose weights others read too is not among them.
    """
    ops = {op.name: op for op in model.main.ops}
    shared = {t.name for t, users in model.main.readers().items() if len(users) > 1}
    wanted = {g.name: _wanted(g, ops, shared) for g in groups}
    for number, batch in enumerate(_batches(groups, wanted)):
        every = [w for g in batch for w in wanted[g.name]]
        label = "channel statistics" if not number else f"channel statistics, part {number + 1}"
        moments = _moments(model, {w.product.op.name: w.product for w in every}, samples, progress, label)
        for group in batch:
            yield group, tuple(_reading(w, moments[w.product.op.name]) for w in wanted[group.name])


def _wanted(group: Group, ops: Mapping[str, Op], shared: set[str]) -> tuple[_Wanted, ...]:
    found: dict[str, _Wanted] = {}
    for part in group.parts:
        product = product_of(ops[part.op]) if part.role is Role.CONSUMES and part.op in ops else None
        if product is None or product.weights.name != part.tensor:
            continue
        if part.tensor in shared or (product.bias is not None and product.bias.name in shared):
            continue
        along = np.full(product.weights.shape[part.axis], -1, np.intp)
        for unit, places in enumerate(part.places):
            along[places] = unit
        shape = [-1 if axis == part.axis else 1 for axis in range(len(product.weights.shape))]
        marks = to_matrix(product.op, np.broadcast_to(along.reshape(shape), product.weights.shape))
        found[part.op] = _Wanted(product, marks[:, :, 0])
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
    model: Model, products: Mapping[str, Product], samples: SampleSplit, progress: Progress, label: str
) -> dict[str, Moments]:
    """Of the inputs of products, from all samples but the held out ones."""
    found = {name: Moments(groups_of(p.op), p.taps) for name, p in products.items()}
    if not products:
        return found
    watch = Watch(model, list(dict.fromkeys(p.data for p in products.values())))
    for number, feed in enumerate(tracked(samples.all(), label, samples.count, progress)):
        if samples.is_held_out(number) and samples.count > 1:
            continue
        seen = watch.see(feed)
        for name, product in products.items():
            keep = some_rows(positions(product.op), number)
            found[name].add(rows(product.op, np.asarray(seen[product.data], np.float32), keep))
    return found


def _reading(wanted: _Wanted, moments: Moments) -> Reading:
    covariance, mean, weights = moments.covariance, moments.mean, wanted.product.matrix
    readers = []
    for g, marks in enumerate(wanted.marks):
        units = np.unique(marks[marks >= 0])
        taps = np.stack([np.flatnonzero(marks == u) for u in units]) if units.size else np.zeros((0, 1), np.intp)
        readers.append(Reader(mean[g], covariance[g], weights[g], units, taps))
    return Reading(wanted.product.op.name, tuple(readers), moments.count)
