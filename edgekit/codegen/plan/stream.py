"""Calls that take turns, some rows each, so that between them only the rows lie in memory that are still needed.

The last call is asked for its rows, strip by strip; each asks those before it for what it lacks. Every row is computed
once. Rows of a buffer that no reader needs any more make room: the rest is moved to the buffer's front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.codegen.call import Call, Rows
from edgekit.graph.model import Tensor


@dataclass(frozen=True, slots=True)
class Turn:
    """Call number `call` of the stream computes its next strip, after `drop` rows of its buffer have made room."""

    call: int
    drop: int


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The buffer of a tensor of which never more than `rows` rows are needed."""

    tensor: Tensor
    rows: int

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.tensor.nbytes // self.tensor.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of the buffer."""
        return self.rows * self.row_bytes


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A chain of calls, or a little more than a chain, with one output.

    Attributes:
        calls: in the graph's order; the last has the output.
        inputs: whole tensors that the calls read.
        ahead: for each, as Call.ahead: how far above the output it must lie for the output to be written over it.
        strip: rows of a turn.
        lines: the buffers of what all calls but the last compute.
        turns: the calls' turns in order.
        moved_bytes: bytes that are moved within buffers, in an inference; the cost of the stream. No row is computed
            twice, and none that no call needs.
    """

    calls: tuple[Call, ...]
    inputs: tuple[Tensor, ...]
    ahead: tuple[int | None, ...]
    strip: int
    lines: tuple[Lines, ...]
    turns: tuple[Turn, ...]
    moved_bytes: int


def height(tensor: Tensor) -> int:
    """Rows: the size of axis 1 of 4."""
    return tensor.shape[1]


def rows_read(call: Call, first: int, count: int) -> tuple[int, int]:
    """The rows [begin, end) of its inputs that a call needs for `count` rows of its output from `first`."""
    rows = call.rows or Rows()
    begin = max(0, first * rows.stride - rows.before)
    end = (first + count - 1) * rows.stride - rows.before + rows.extent
    most = height(call.inputs[0])
    return min(begin, most), max(0, min(end, most))


class _Run:
    """Plays the stream: who has computed how many rows, and which rows buffers hold."""

    def __init__(self, calls: Sequence[Call], strip: int, room: Sequence[int] | None) -> None:
        self.calls, self.strip, self.room = calls, strip, room
        self.maker = {call.outputs[0]: i for i, call in enumerate(calls)}
        self.readers: list[list[int]] = [[] for _ in calls]
        for i, call in enumerate(calls):
            for source in dict.fromkeys(call.inputs):
                if source in self.maker:
                    self.readers[self.maker[source]].append(i)
        self.done = [0] * len(calls)
        self.base = [0] * len(calls)
        self.most = [0] * len(calls)
        self.turns: list[Turn] = []
        self.moved_bytes = 0

    def play(self) -> None:
        last = len(self.calls) - 1
        while self.done[last] < height(self.calls[last].outputs[0]):
            self._take(last)

    def _take(self, i: int) -> None:
        """One turn of call i, after those that it needs."""
        call = self.calls[i]
        count = min(self.strip, height(call.outputs[0]) - self.done[i])
        for source in dict.fromkeys(call.inputs):
            maker = self.maker.get(source)
            while maker is not None and self.done[maker] < rows_read(call, self.done[i], count)[1]:
                self._take(maker)
        self._make_room(i, count)
        self.done[i] += count

    def _make_room(self, i: int, count: int) -> None:
        needed = min((self._next_row(reader) for reader in self.readers[i]), default=0)
        end = self.done[i] + count
        drop = 0
        if self.readers[i] and (self.room is None or end - self.base[i] > self.room[i]):
            drop = max(0, min(needed, self.done[i]) - self.base[i])
        self.base[i] += drop
        self.most[i] = max(self.most[i], end - self.base[i])
        if drop:
            output = self.calls[i].outputs[0]
            self.moved_bytes += (self.done[i] - self.base[i]) * (output.nbytes // height(output))
        self.turns.append(Turn(i, drop))

    def _next_row(self, reader: int) -> int:
        """The first row that a reader still needs."""
        call = self.calls[reader]
        if self.done[reader] >= height(call.outputs[0]):
            return height(call.inputs[0])
        return rows_read(call, self.done[reader], 1)[0]


def stream(calls: tuple[Call, ...], strip: int, spare: int = 0) -> Stream:
    """The stream of `calls` with `strip` rows a turn; `spare` rows more than needed in a buffer save moves."""
    tight = _Run(calls, strip, None)
    tight.play()
    room = [_room(rows, strip, spare, call) for rows, call in zip(tight.most, calls, strict=True)]
    run = _Run(calls, strip, room)
    run.play()
    made = {call.outputs[0] for call in calls}
    inputs = tuple(dict.fromkeys(t for call in calls for t in call.inputs if t not in made))
    lines = tuple(Lines(call.outputs[0], run.most[i]) for i, call in enumerate(calls[:-1]))
    ahead = tuple(_ahead(calls, run.turns, strip, source) for source in inputs)
    return Stream(calls, inputs, ahead, strip, lines, tuple(run.turns), run.moved_bytes)


def _room(rows: int, strip: int, spare: int, call: Call) -> int:
    """Rows of a buffer that needs `rows`: a few more where some are kept from turn to turn."""
    return min(rows + (spare if rows > strip else 0), height(call.outputs[0]))


def _ahead(calls: tuple[Call, ...], turns: Sequence[Turn], strip: int, source: Tensor) -> int | None:
    """How far above the output `source` must lie: what is written by a turn must not be read by a later one; a turn of
    the last call minds its own reading as it does where it runs alone."""
    last, output = len(calls) - 1, calls[-1].outputs[0]
    own = [a for t, a in zip(calls[last].inputs, calls[last].ahead, strict=True) if t is source]
    if None in own:
        return None
    least = max([0, *(a for a in own if a is not None)])
    row_bytes = source.nbytes // height(source)
    taken = [sum(turn.call == i for turn in turns) for i in range(len(calls))]
    done = [min(strip * count, height(call.outputs[0])) for count, call in zip(taken, calls, strict=True)]
    first_needed: int | None = None
    for turn in reversed(turns):
        call = calls[turn.call]
        if turn.call == last and first_needed is not None:
            least = max(least, done[last] * (output.nbytes // height(output)) - first_needed * row_bytes)
        done[turn.call] -= (done[turn.call] - 1) % strip + 1
        if turn.call != last and source in call.inputs:
            begin = rows_read(call, done[turn.call], 1)[0]
            first_needed = begin if first_needed is None else min(begin, first_needed)
    return least
