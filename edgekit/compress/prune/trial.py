"""A model with fewer channels, tried out without being cut: what its outputs would be, and what each group loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edgekit.compress.moments import Fit
from edgekit.compress.prune.allocation import Curve, levels
from edgekit.compress.prune.coupling import Group, Role
from edgekit.compress.prune.importance import (
    Doubles,
    Importance,
    Places,
    Reader,
    activation_scores,
    by_score,
    eliminate,
    taken_over,
)
from edgekit.compress.prune.judge import Judge
from edgekit.compress.prune.product import Product, product_of
from edgekit.compress.prune.readers import Reading
from edgekit.compress.prune.remove import without_units
from edgekit.graph.model import Model

Gone = Mapping[str, Sequence[int]]

KNOWN_BYTES = 256 * 2**20
"""So much is kept of weights that were computed before."""

ROWS_PER_TAP = 10
"""With fewer a fit says more about the samples than about the layer."""

POINTS = 6
"""A group's loss is measured at so many counts of channels; in between it is taken as straight."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What trying out needs.

    Attributes:
        model: the original, its dead channels' values in its biases.
        groups: those whose units may go.
        readings: by group, who reads its units.
        dead: by group, the units that go in any case.
        judge: compares outputs with the original's.
        known: weights that were computed before, by operator and what goes there.
    """

    model: Model
    groups: Sequence[Group]
    readings: Mapping[str, tuple[Reading, ...]]
    dead: Gone
    judge: Judge
    known: dict[tuple[str, bytes], Fit] = field(default_factory=dict)

    def order(self, group: Group, importance: Importance) -> tuple[int, ...]:
        """A group's units from the first to go to the last, dead ones in front."""
        dead = list(self.dead.get(group.name, ()))
        readers = [r for reading in self.readings[group.name] for r in reading.readers]
        if importance is Importance.L1 or not readers:
            order = by_score(self._magnitudes(group))
        elif importance is Importance.ACTIVATION:
            order = by_score(activation_scores(readers, group.units))
        else:
            order = eliminate(readers, group.units).order
        return (*dead, *(u for u in order if u not in set(dead)))

    def curve(self, group: Group, order: Sequence[int], multiple: int) -> Curve:
        """What the outputs lose as a group's units go in this order and their readers take over."""
        dead = len(self.dead.get(group.name, ()))
        steps = tuple(dead + n for n in levels(group.units - dead, multiple))
        picked = sorted({round(n) for n in np.linspace(0, len(steps) - 1, POINTS + 1)})
        losses = [0.0]
        for number in picked[1:]:
            losses.append(self.judge.verdict(self.outcome({group.name: order[: steps[number]]})).error)
        rising = np.maximum.accumulate(losses)  # less is never better but by chance
        return Curve(steps, tuple(float(x) for x in np.interp(range(len(steps)), picked, rising)))

    def outcome(self, gone: Gone) -> Model:
        """A model with the outputs that the cut one would have, the readers having taken over. Not smaller.

        Where units are read by something that is no plain product the model is really cut.
        """
        clone = self.taken_over(gone)
        covered = all(self._is_covered(g) for g in self.groups if gone.get(g.name))
        return clone if covered else without_units(clone, gone)

    def taken_over(self, gone: Gone) -> Model:
        """A clone whose readers' weights for `gone` are zero, the others having taken over their part."""
        clone = self.model.clone()
        ops = {op.name: op for op in clone.main.ops}
        by_op: dict[str, list[tuple[Reading, Sequence[int]]]] = {}
        for group in self.groups:
            for reading in self.readings[group.name] if gone.get(group.name) else ():
                by_op.setdefault(reading.op, []).append((reading, gone[group.name]))
        for name, pairs in by_op.items():
            product = product_of(ops[name])
            if product is not None:
                product.set(self._without(product, pairs))
        return clone

    def _without(self, product: Product, pairs: Sequence[tuple[Reading, Sequence[int]]]) -> Fit:
        """New weights and bias for a product that reads units which go; it may read those of several groups."""
        taps = [np.concatenate([_taps(reading.readers[g], units) for reading, units in pairs])
                for g in range(len(pairs[0][0].readers))]  # fmt: skip
        key = product.op.name, b"|".join(np.sort(t).tobytes() for t in taps)
        if key not in self.known:
            if sum(fit.weights.nbytes for fit in self.known.values()) > KNOWN_BYTES:
                self.known.clear()
            found = [taken_over(reader, t) for reader, t in zip(pairs[0][0].readers, taps, strict=True)]
            shift = product.shift + np.stack([s for _, s in found])
            self.known[key] = Fit(np.stack([w for w, _ in found]), shift)
        return self.known[key]

    def is_certain(self, group: Group) -> bool:
        """Whether the samples have many times more rows than each reader has taps."""
        readings = self.readings[group.name]
        return self._is_covered(group) and all(r.rows >= ROWS_PER_TAP * len(r.readers[0].mean) for r in readings)

    def _is_covered(self, group: Group) -> bool:
        readers = {p.op for p in group.parts if p.role is Role.CONSUMES}
        return bool(readers) and readers <= {r.op for r in self.readings[group.name]}

    def _magnitudes(self, group: Group) -> Doubles:
        """(units,) the mean absolute weight that makes each, in shares of each tensor's."""
        values = {t.name: t.data for t in self.model.main.tensors if t.is_constant}
        scores = np.zeros(group.units)
        for part in group.parts:
            data = values.get(part.tensor)
            if part.role is Role.PRODUCES and data is not None and data.ndim > 1:
                along = np.abs(np.moveaxis(data, part.axis, 0)).reshape(data.shape[part.axis], -1).mean(axis=1)
                scores += along[part.places].mean(axis=1) / max(float(along.mean()), 1e-30)
        return scores


def _taps(reader: Reader, units: Sequence[int]) -> Places:
    """The taps of some units."""
    return np.asarray(reader.taps[np.isin(reader.units, list(units))].ravel(), np.intp)
