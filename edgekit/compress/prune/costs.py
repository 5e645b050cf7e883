"""What a model costs with fewer units, without making it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgekit.compress.prune.coupling import Group
from edgekit.compress.prune.trace import is_vector
from edgekit.graph.cost import live_bytes, model_macs
from edgekit.graph.model import Model

Counts = Mapping[str, int]
"""By group: how many units are gone. Where none are, the group may be missing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What shall not be exceeded; None is no limit."""

    macs: int | None = None
    weight_bytes: int | None = None
    ram_bytes: int | None = None


class Costs:
    """The costs of a model's main graph as a function of how many units of each group are gone."""

    def __init__(self, model: Model, groups: Sequence[Group]) -> None:
        self._model = model.clone()
        by_name = {t.name: t for t in self._model.main.tensors}
        self._shapes = {t: t.shape for t in self._model.main.tensors}
        every = ((g.name, by_name[p.tensor], p.axis, p.places.shape[1]) for g in groups for p in g.parts)
        users = self._model.main.readers()
        constants = {t.buffer: t for t in self._shapes if t.is_constant}
        cut = {by_name[p.tensor] for g in groups for p in g.parts}
        # A vector that several operators read is copied for each where it is cut (see `without_units`).
        self._constants = [(t, max(1, len(users.get(t, ()))) if t in cut and is_vector(t) else 1)
                           for t in constants.values()]  # fmt: skip
        self._cuts = list(dict.fromkeys(every))  # what two operators read is cut once

    def macs(self, gone: Counts) -> int:
        """Multiply-accumulates of one run."""
        self._cut(gone)
        return model_macs(self._model)

    def weight_bytes(self, gone: Counts) -> int:
        """Bytes of constants, or a little more where operators share some."""
        self._cut(gone)
        return self._held()

    def ram_bytes(self, gone: Counts) -> int:
        """Peak of live activations."""
        self._cut(gone)
        return max(live_bytes(self._model.main), default=0)

    def excess(self, limits: Limits, gone: Counts) -> float:
        """How far over the limits, in shares of them; 0 where all are kept.

        Of RAM, every operator counts that is over the limit: where several are, less for one of them is progress.
        """
        self._cut(gone)
        over = 0.0
        if limits.macs is not None:
            over += max(0.0, model_macs(self._model) / limits.macs - 1)
        if limits.weight_bytes is not None:
            over += max(0.0, self._held() / limits.weight_bytes - 1)
        if limits.ram_bytes is not None:
            over += sum(max(0.0, live / limits.ram_bytes - 1) for live in live_bytes(self._model.main))
        return over

    def _held(self) -> int:
        return sum(t.nbytes * copies for t, copies in self._constants)

    def _cut(self, gone: Counts) -> None:
        for tensor, shape in self._shapes.items():
            tensor.shape = shape
        for group, tensor, axis, places in self._cuts:
            if count := gone.get(group, 0):
                less = list(tensor.shape)
                less[axis] -= count * places
                tensor.shape = tuple(less)
