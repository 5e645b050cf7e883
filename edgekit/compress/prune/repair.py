"""The layers behind a cut, fitted one after the other to what the original computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.linear import groups_of, positions, rows
from edgekit.compress.moments import Fit, Moments
from edgekit.compress.probe import Feed
from edgekit.compress.prune.coupling import Group, Role
from edgekit.compress.prune.product import Product, product_of
from edgekit.compress.prune.refit import choose
from edgekit.compress.prune.sampling import SampleSplit, some_rows
from edgekit.compress.prune.watch import Watch
from edgekit.core.progress import Progress
from edgekit.graph.model import Graph, Model, Op, Tensor

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Which units of which groups are gone.

    Attributes:
        groups: those of the original model.
        gone: by group.
    """

    groups: Sequence[Group]
    gone: Mapping[str, Sequence[int]]

    def kept(self, tensor: Tensor, axis: int) -> npt.NDArray[np.intp]:
        """The positions along an axis of a tensor of the original that are left."""
        left = np.ones(tensor.shape[axis], bool)
        for group in self.groups:
            units = list(self.gone.get(group.name, ()))
            for part in group.parts:
                if units and part.tensor == tensor.name and part.axis == axis % len(tensor.shape):
                    left[part.places[units].ravel()] = False
        return np.flatnonzero(left)

    def readers(self) -> set[str]:
        """The operators that have lost some of what they read."""
        parts = (p for g in self.groups if self.gone.get(g.name) for p in g.parts)
        return {p.op for p in parts if p.role is Role.CONSUMES}


def repair(original: Model, changed: Model, cut: Cut, samples: SampleSplit, progress: Progress) -> tuple[str, ...]:
    """Refit, in place and in graph order, every layer of `changed` whose inputs are not the original's any more.

    Given   x ─ [pruned] ─ x' ─ W ─ y     and what the original computes there, z ─ W ─ t
    Result  W and its bias such that y is closest to t, where that holds on held out samples too

    Before a sum the fit makes up for what the other side lacks. Returns the names of the layers that were refitted.
    """
    layers = _behind(changed.main, cut.readers())
    originals = {op.name: op for op in original.main.ops}
    done = []
    progress.start("refit", len(layers) * samples.count)
    try:
        for product in layers:
            before = product_of(originals[product.op.name])
            if before is not None:
                rig = _Rig((original, changed), before, product, cut)
                done += [product.op.name] if _refit(rig, product, samples, progress) else []
    finally:
        progress.finish()
    return tuple(done)


def _behind(graph: Graph, readers: set[str]) -> list[Product]:
    """The products with weights and bias of their own among those whose inputs have changed."""
    users = graph.readers()
    touched: set[Tensor] = set()
    found = []
    for op in graph.ops:
        if op.name not in readers and not any(t in touched for t in op.inputs if t is not None):
            continue
        touched |= set(op.outputs)
        product = product_of(op)
        if product is None or product.bias is None:
            continue
        if len(users[product.weights]) == len(users[product.bias]) == 1:
            found.append(product)
    return found


class _Rig:
    """A layer's inputs in the changed model, and the outputs that it should have before its activation function."""

    def __init__(self, models: tuple[Model, Model], before: Product, after: Product, cut: Cut) -> None:
        original, changed = models
        self._before, self._after = before, after
        self._kept = cut.kept(before.op.outputs[0], -1)
        self._matrix, self._shift = before.matrix.astype(np.float32), before.shift.astype(np.float32)[:, None]
        self._partner = _partner(original.main, before.op)
        twins = {t.name: t for t in changed.main.tensors}
        self._twin = twins[self._partner.name] if self._partner else None
        self._original = Watch(original, [t for t in (before.data, self._partner) if t])
        self._changed = Watch(changed, [t for t in (after.data, self._twin) if t])

    def see(self, feed: Feed, number: int) -> tuple[Floats, Floats]:
        """(groups, rows, taps) of the changed model and (groups, rows, outputs) that are wanted."""
        before, after = self._before, self._after
        z, x = self._original.see(feed), self._changed.see(feed)
        keep = some_rows(positions(after.op), number)
        wanted = rows(before.op, np.asarray(z[before.data], np.float32), keep) @ self._matrix + self._shift
        flat = wanted.transpose(1, 0, 2).reshape(len(keep), -1)[:, self._kept]
        if self._partner and self._twin:
            theirs, ours = np.asarray(z[self._partner], np.float32), np.asarray(x[self._twin], np.float32)
            flat = flat + theirs.reshape(-1, theirs.shape[-1])[keep][:, self._kept]
            flat = flat - ours.reshape(-1, ours.shape[-1])[keep]
        split = flat.reshape(len(keep), groups_of(after.op), -1).transpose(1, 0, 2)
        return rows(after.op, np.asarray(x[after.data], np.float32), keep), split


def _refit(rig: _Rig, product: Product, samples: SampleSplit, progress: Progress) -> bool:
    """Whether the layer has new weights."""
    start = Fit(product.matrix, product.shift)
    groups, taps, outputs = start.weights.shape
    fitting, held_out = Moments(groups, taps, outputs), Moments(groups, taps, outputs)
    for number, feed in enumerate(samples.all()):
        (held_out if samples.is_held_out(number) else fitting).add(*rig.see(feed, number))
        progress.advance()
    if not fitting.count or not held_out.count:  # one sample cannot be both
        return False
    choice = choose(fitting, held_out, start)
    if choice.is_better:
        product.set(choice.fit)
    return choice.is_better


def _partner(graph: Graph, op: Op) -> Tensor | None:
    """What is added to the layer's output, of the same shape and computed before it: it cannot be mended any more."""
    result = op.outputs[0]
    if getattr(op.options, "fusedActivationFunction", 0):
        return None
    users = graph.consumers(result)
    if len(users) != 1 or users[0].kind != "ADD" or result in graph.outputs:
        return None
    other = next((t for t in users[0].inputs if t is not None and t is not result), None)
    if other is None or other.is_constant or other.shape != result.shape or other in graph.inputs:
        return None
    earlier = {t for o in graph.ops[: graph.ops.index(op)] for t in o.outputs}
    return other if other in earlier else None
