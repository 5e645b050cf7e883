"""Which tensors share memory: views of one another, as far as they can all be true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from edgekit.codegen.call import Call, View
from edgekit.core.errors import ModelError
from edgekit.graph.model import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A tensor is `offset` bytes from the start of the block `root`."""

    root: int
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The memory of a network before it is placed.

    Attributes:
        places: every tensor in the arena.
        root_bytes, root_tensors: of each block: its size, its tensors.
        calls: those that still have something to do, in order.
    """

    places: Mapping[Tensor, Place]
    root_bytes: tuple[int, ...]
    root_tensors: tuple[tuple[Tensor, ...], ...]
    calls: tuple[Call, ...]


@dataclass(slots=True)
class _Groups:
    """Tensors tied to each other: group -> tensor -> offset; `written` are those that a call or the caller fills."""

    of: dict[Tensor, int] = field(default_factory=dict)
    members: dict[int, dict[Tensor, int]] = field(default_factory=dict)

    def add(self, tensor: Tensor) -> None:
        if tensor not in self.of:
            self.of[tensor] = len(self.of)
            self.members[self.of[tensor]] = {tensor: 0}

    def tie(self, view: View) -> bool:
        """Lets the part lie in the whole; False where it is tied elsewhere already."""
        inner, outer = self.of[view.part], self.of[view.whole]
        shift = self.members[outer][view.whole] + view.offset - self.members[inner][view.part]
        if inner == outer:
            return shift == 0
        for tensor, offset in self.members.pop(inner).items():
            self.members[outer][tensor] = offset + shift
            self.of[tensor] = outer
        return True

    def copy(self) -> _Groups:
        return _Groups(dict(self.of), {group: dict(tensors) for group, tensors in self.members.items()})


def shared_memory(inputs: Sequence[Tensor], calls: Sequence[Call]) -> Shared:
    """Honours the views of each call, all or none, in order.

    Views are honest where every tensor that is really written, by a call or by the application, has bytes of its own:
    what is a view of it has the same value. Variable tensors share with none.

    Raises:
        ModelError: a call that is nothing but views cannot have them, or reads what nothing has written.
    """
    groups = _Groups()
    states = {state for call in calls for state in call.states}
    _require_written(inputs, calls, states)
    for tensor in (*inputs, *(t for call in calls for t in (*call.inputs, *call.outputs, *call.states))):
        groups.add(tensor)
    written = {*inputs, *(t for call in calls for t in call.outputs)}
    kept = []
    for call in calls:
        trial = _tied(groups, call, written - set(call.outputs), states)
        if trial is not None:
            groups, written = trial, written - set(call.outputs)
        elif call.function:
            kept.append(call)
        else:
            raise ModelError(f"{call.op.label} '{call.op.name}' ties tensors that cannot share memory.")
    return _shared(groups, kept)


def _require_written(inputs: Sequence[Tensor], calls: Sequence[Call], states: set[Tensor]) -> None:
    """Everything that is read has been computed, given or kept."""
    known = {*inputs, *states}
    for call in calls:
        for tensor in call.inputs:
            if tensor not in known:
                what = "is a constant; fold it before C is generated" if tensor.is_constant else "is never computed"
                raise ModelError(f"{call.op.label} '{call.op.name}' reads '{tensor.name}', which {what}.")
        known |= set(call.outputs)


def _tied(groups: _Groups, call: Call, written: set[Tensor], states: set[Tensor]) -> _Groups | None:
    """The groups with all views of a call, or None where one cannot be."""
    tensors = {t for view in call.views for t in (view.part, view.whole)}
    if not call.views or tensors & states or not tensors <= set(groups.of) or not set(call.outputs) <= tensors:
        return None
    trial = groups.copy()
    if not all(trial.tie(view) for view in call.views):
        return None
    members = trial.members[trial.of[call.outputs[0]]]
    spans = sorted((offset, offset + t.nbytes) for t, offset in members.items() if t in written)
    return trial if all(a[1] <= b[0] for a, b in pairwise(spans)) else None


def _shared(groups: _Groups, calls: list[Call]) -> Shared:
    places: dict[Tensor, Place] = {}
    sizes, tensors = [], []
    for root, members in enumerate(groups.members.values()):
        start = min(members.values())
        places |= {tensor: Place(root, offset - start) for tensor, offset in members.items()}
        sizes.append(max(offset + tensor.nbytes for tensor, offset in members.items()) - start)
        tensors.append(tuple(members))
    return Shared(places, tuple(sizes), tuple(tensors), tuple(calls))
