"""The layers behind a cut, fitted one after the other to what the original computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.compress.linear import groups_of, is_linear, positions, rows, to_matrix, to_outputs, to_weights
from edgekit.compress.moments import Fit, Moments
from edgekit.compress.prune.coupling import Group, Role
from edgekit.compress.prune.readers import MAX_TAPS
from edgekit.compress.prune.refit import choose
from edgekit.compress.prune.sampling import SampleSplit, some_rows
from edgekit.compress.prune.watch import Watch
from edgekit.core.progress import Progress
from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of

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

    Behind a sum the fit makes up for what the other side still lacks. Returns the names of the layers that were refitted.
    """
    layers = _behind(changed.main, cut.readers())
    originals = {op.name: op for op in original.main.ops}
    done = []
    progress.start("refit", len(layers) * samples.count)
    try:
        for op in layers:
            if _refit(_Pair(original, changed, originals[op.name], op, cut), samples, progress):
                done.append(op.name)
    finally:
        progress.finish()
    return tuple(done)


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A layer in the original and in the changed model."""

    original: Model
    changed: Model
    before: Op
    after: Op
    cut: Cut


def _behind(graph: Graph, readers: set[str]) -> list[Op]:
    """The layers that can be fitted among those whose inputs have changed."""
    users = graph.readers()
    touched: set[Tensor] = set()
    found = []
    for op in graph.ops:
        if op.name not in readers and not any(t in touched for t in op.inputs if t is not None):
            continue
        touched |= set(op.outputs)
        weights, bias = weights_of(op) if is_linear(op) else None, bias_of(op) if is_linear(op) else None
        own = all(t is not None and t.buffer.data is not None and len(users[t]) == 1 for t in (weights, bias))
        if own and activation_of(op) not in graph.inputs and to_matrix(op, weights.data).shape[1] <= MAX_TAPS:
            found.append(op)
    return found


def _refit(pair: _Pair, samples: SampleSplit, progress: Progress) -> bool:
    """Whether the layer has new weights."""
    op = pair.after
    weights, bias = weights_of(op), bias_of(op)
    assert weights is not None and bias is not None
    matrix = to_matrix(op, np.asarray(weights.data, np.float64))
    start = Fit(matrix, to_outputs(op, np.asarray(bias.data, np.float64)))
    fitting, held_out = (Moments(groups_of(op), matrix.shape[1], matrix.shape[2]) for _ in range(2))
    rig = _Rig(pair)
    for number, feed in enumerate(samples.all()):
        x, wanted = rig.see(feed, number)
        (held_out if samples.is_held_out(number) else fitting).add(x, wanted)
        progress.advance()
    choice = choose(fitting, held_out, start)
    if choice.is_better:
        weights.set_data(to_weights(op, choice.fit.weights).astype(np.float32))
        bias.set_data(choice.fit.bias.reshape(bias.shape).astype(np.float32))
    return choice.is_better


class _Rig:
    """A layer's inputs in the changed model, and the outputs that it should have before its activation function."""

    def __init__(self, pair: _Pair) -> None:
        self._pair = pair
        before, after = pair.before, pair.after
        main, changed = pair.original.main, pair.changed.main
        partner = _partner(main, before)
        watched = [activation_of(before), *([partner] if partner else [])]
        twins = {t.name: t for t in changed.tensors}
        mirrored = [activation_of(after), *([twins[partner.name]] if partner else [])]
        self._original, self._changed = Watch(pair.original, watched), Watch(pair.changed, mirrored)
        self._kept = pair.cut.kept(before.outputs[0], -1)
        self._matrix = to_matrix(before, np.asarray(weights_of(before).data, np.float32))
        self._bias = to_outputs(before, np.asarray(bias_of(before).data, np.float32))

    def see(self, feed: Mapping[str, npt.NDArray[np.generic]], number: int) -> tuple[Floats, Floats]:
        """(groups, rows, taps) of the changed model and (groups, rows, outputs) that are wanted."""
        before, after = self._pair.before, self._pair.after
        z, *others = self._original.see(feed)
        x, *mirrored = self._changed.see(feed)
        keep = some_rows(positions(after), number)
        wanted = rows(before, np.asarray(z, np.float32), keep) @ self._matrix + self._bias[:, None]
        flat = wanted.transpose(1, 0, 2).reshape(len(keep), -1)[:, self._kept]
        if others:
            lack = others[0].reshape(-1, others[0].shape[-1])[keep][:, self._kept]
            flat = flat + lack - mirrored[0].reshape(-1, mirrored[0].shape[-1])[keep]
        split = flat.reshape(len(keep), groups_of(after), -1).transpose(1, 0, 2)
        return rows(after, np.asarray(x, np.float32), keep), split


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
