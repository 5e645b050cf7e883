"""A model with fewer channels, tried out without being cut: what its outputs would be, and what each group loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgekit.compress.moments import Fit
from edgekit.compress.prune.allocation import Curve, levels
from edgekit.compress.prune.coupling import Group, Role
from edgekit.compress.prune.importance import (
    Doubles,
    Importance,
    activation_scores,
    by_score,
    eliminate,
    taken_over,
)
from edgekit.compress.prune.judge import Judge
from edgekit.compress.prune.product import product_of
from edgekit.compress.prune.readers import Reading
from edgekit.compress.prune.remove import without_units
from edgekit.graph.model import Model, Op

Gone = Mapping[str, Sequence[int]]

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
    """

    model: Model
    groups: Sequence[Group]
    readings: Mapping[str, tuple[Reading, ...]]
    dead: Gone
    judge: Judge

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
            _take_over(ops[name], pairs)
        return clone

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


def _take_over(op: Op, pairs: Sequence[tuple[Reading, Sequence[int]]]) -> None:
    """New weights and bias for an operator that reads units which go; it may read those of several groups."""
    product = product_of(op)
    assert product is not None
    matrices, shifts = [], []
    for number, reader in enumerate(pairs[0][0].readers):
        taps = [r.readers[number].taps[np.isin(r.readers[number].units, list(units))].ravel() for r, units in pairs]
        matrix, shift = taken_over(reader, np.concatenate(taps))
        matrices.append(matrix)
        shifts.append(shift)
    product.set(Fit(np.stack(matrices), product.shift + np.stack(shifts)))
