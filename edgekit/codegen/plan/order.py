"""The order of the operators with the least peak.

What is alive between two operators depends on which have run, not on their order: so the least peak from each set of
those that have run on is found once (dynamic programming over the sets that can arise). A network with branches wide
enough for more sets than can be visited gets the best of two simple rules instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgekit.codegen.call import Call
from edgekit.codegen.plan.bound import stack_bytes
from edgekit.codegen.plan.views import Shared
from edgekit.graph.model import Tensor

_MOST_SETS = 20_000


@dataclass(frozen=True, slots=True)
class _Step:
    """An operator: numbers of the blocks that it touches, and (block of the input, ahead) where it may overlap."""

    reads: tuple[int, ...]
    writes: tuple[int, ...]
    overs: tuple[tuple[int, int], ...]
    scratch_bytes: int
    needs: int


@dataclass(frozen=True, slots=True)
class _Life:
    """A block: its bytes, the operators (bits) that write and that touch it; alive before and after all of them?"""

    nbytes: int
    writers: int
    users: int
    from_start: bool
    to_end: bool


def ordered(shared: Shared, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Shared:
    """The calls in an order of the least peak; among several the one nearest to the file's, which is kept if it is one.

    Calls that keep a state stay in their order among themselves.
    """
    if len(shared.calls) < 2:
        return shared
    sorter = _Sorter(shared, inputs, outputs)
    order = sorter.best()
    return replace(shared, calls=tuple(shared.calls[i] for i in order))


class _Sorter:
    """The network as bits: what has run is a set of operators."""

    def __init__(self, shared: Shared, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.steps = [_step(shared, i) for i in range(len(shared.calls))]
        self.lives = _lives(shared, inputs, outputs)
        self.all = (1 << len(self.steps)) - 1

    def best(self) -> list[int]:
        """The order, as numbers of calls."""
        file_order = list(range(len(self.steps)))
        least = self._least_peaks()
        if least is None:
            eager = self._eager()
            return eager if self.peak(eager) < self.peak(file_order) else file_order
        if self.peak(file_order) <= least[0]:
            return file_order
        order: list[int] = []
        done = 0
        while done != self.all:
            i = next(i for i in self._ready(done) if max(self._bytes(done, i), least[done | 1 << i]) <= least[0])
            order.append(i)
            done |= 1 << i
        return order

    def peak(self, order: Sequence[int]) -> int:
        """The most bytes of any step."""
        done, most = 0, 0
        for i in order:
            most = max(most, self._bytes(done, i))
            done |= 1 << i
        return most

    def _least_peaks(self) -> Mapping[int, int] | None:
        """For each set that can have run, the least peak of what follows; None where there are too many."""
        layers: list[set[int]] = [{0}]
        count = 1
        while self.all not in layers[-1]:
            layers.append({done | 1 << i for done in layers[-1] for i in self._ready(done)})
            count += len(layers[-1])
            if count > _MOST_SETS:
                return None
        least = {self.all: 0}
        for layer in reversed(layers[:-1]):
            for done in layer:
                least[done] = min(max(self._bytes(done, i), least[done | 1 << i]) for i in self._ready(done))
        return least

    def _eager(self) -> list[int]:
        """Each time the operator that leaves least alive, and of those the one that takes least."""
        order: list[int] = []
        done = 0
        while done != self.all:
            i = min(self._ready(done), key=lambda i: (self._left(done | 1 << i), self._bytes(done, i), i))
            order.append(i)
            done |= 1 << i
        return order

    def _ready(self, done: int) -> list[int]:
        return [i for i, step in enumerate(self.steps) if not done >> i & 1 and step.needs & ~done == 0]

    def _alive(self, done: int) -> list[int]:
        """Blocks that hold something after `done`."""
        return [
            k
            for k, life in enumerate(self.lives)
            if (life.from_start or life.writers & done) and (life.to_end or life.users & ~done)
        ]

    def _left(self, done: int) -> int:
        return sum(self.lives[k].nbytes for k in self._alive(done))

    def _bytes(self, done: int, i: int) -> int:
        """What the step of operator i needs by itself, after `done`."""
        step, after = self.steps[i], done | 1 << i
        alive = {*self._alive(done), *step.reads, *step.writes}
        dying = {k: a for k, a in step.overs if self._ends(k, after)}
        total = step.scratch_bytes
        if len(step.writes) == 1 and dying and self._begins(step.writes[0], done):
            low = step.writes[0]
            inputs = [(ahead, self.lives[k].nbytes) for k, ahead in dying.items()]
            total += stack_bytes(self.lives[low].nbytes, inputs)
            alive -= {low, *dying}
        return total + sum(self.lives[k].nbytes for k in alive)

    def _ends(self, block: int, done: int) -> bool:
        life = self.lives[block]
        return not life.to_end and life.users & ~done == 0

    def _begins(self, block: int, done: int) -> bool:
        life = self.lives[block]
        return not life.from_start and life.writers & done == 0


def _step(shared: Shared, i: int) -> _Step:
    call = shared.calls[i]
    places = shared.places
    reads = tuple(dict.fromkeys(places[t].root for t in call.inputs))
    writes = tuple(dict.fromkeys(places[t].root for t in call.outputs))
    return _Step(reads, writes, _overs(shared, call), call.scratch_bytes, _needs(shared, i))


def _overs(shared: Shared, call: Call) -> tuple[tuple[int, int], ...]:
    if len(call.outputs) != 1 or len(call.ahead) != len(call.inputs):
        return ()
    low = shared.places[call.outputs[0]]
    found: dict[int, int | None] = {}
    for source, ahead in zip(call.inputs, call.ahead, strict=True):
        high = shared.places[source]
        least = None if ahead is None or high.root == low.root else max(ahead + low.offset - high.offset, 0)
        before = found.get(high.root, 0)
        found[high.root] = None if least is None or before is None else max(least, before)
    return tuple((root, ahead) for root, ahead in found.items() if ahead is not None)


def _needs(shared: Shared, i: int) -> int:
    """The operators (bits) that must have run: those before it in the file that write what it reads, or that share a
    state with it."""
    call, places = shared.calls[i], shared.places
    reads = {places[t].root for t in call.inputs}
    needs = 0
    for k, other in enumerate(shared.calls[:i]):
        writes = {places[t].root for t in other.outputs}
        if writes & reads or _share_state(call, other):
            needs |= 1 << k
    return needs


def _share_state(a: Call, b: Call) -> bool:
    """Both keep states (their order is kept), or one reads what the other keeps."""
    return bool((a.states and b.states) or {*a.states} & {*b.inputs} or {*b.states} & {*a.inputs})


def _lives(shared: Shared, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[_Life]:
    writers, users = [0] * len(shared.root_bytes), [0] * len(shared.root_bytes)
    start, end = set(), set()
    for i, call in enumerate(shared.calls):
        for tensor in (*call.inputs, *call.outputs):
            users[shared.places[tensor].root] |= 1 << i
        for tensor in call.outputs:
            writers[shared.places[tensor].root] |= 1 << i
        for tensor in call.states:
            start.add(shared.places[tensor].root)
            end.add(shared.places[tensor].root)
    start |= {shared.places[t].root for t in inputs}
    end |= {shared.places[t].root for t in outputs if t in shared.places}
    return [_Life(nbytes, writers[k], users[k], k in start, k in end) for k, nbytes in enumerate(shared.root_bytes)]
