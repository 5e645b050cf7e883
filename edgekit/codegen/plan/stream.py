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
        spare: rows of a buffer beyond those that must be kept; they save moves.
        lines: the buffers of what all calls but the last compute.
        turns: the calls' turns in order.
        moved_bytes: bytes that are moved within buffers, in an inference; the cost of the stream. No row is computed
            twice, and none that no call needs.
    """

    calls: tuple[Call, ...]
    inputs: tuple[Tensor, ...]
    ahead: tuple[int | None, ...]
    strip: int
    spare: int
    lines: tuple[Lines, ...]
    turns: tuple[Turn, ...]
    moved_bytes: int


def height(tensor: Tensor) -> int:
    """Rows: the size of axis 1 of 4."""
    return tensor.shape[1]


def first_row_read(call: Call, row: int) -> int:
    """The first row of its inputs that a call needs for a row of its output."""
    rows = call.rows or Rows()
    return min(max(0, row * rows.stride - rows.before), height(call.inputs[0]))


class _Run:
    """Plays the stream: who has computed how many rows, and which rows buffers hold."""

    def __init__(self, calls: Sequence[Call], strip: int, room: Sequence[int] | None) -> None:
        self.strip, self.room = strip, room
        maker = {call.outputs[0]: i for i, call in enumerate(calls)}
        self.makers = [[maker[t] for t in dict.fromkeys(call.inputs) if t in maker] for call in calls]
        self.readers = [[i for i, makers in enumerate(self.makers) if k in makers] for k in range(len(calls))]
        self.rows = [call.rows or Rows() for call in calls]
        self.rows_in = [height(call.inputs[0]) for call in calls]
        self.rows_out = [height(call.outputs[0]) for call in calls]
        self.done = [0] * len(calls)
        self.base = [0] * len(calls)
        self.most = [0] * len(calls)
        self.moved = [0] * len(calls)
        self.turns: list[Turn] = []

    def play(self) -> None:
        last = len(self.done) - 1
        while self.done[last] < self.rows_out[last]:
            self._take(last)

    def _take(self, i: int) -> None:
        """One turn of call i, after those that it needs."""
        count = min(self.strip, self.rows_out[i] - self.done[i])
        rows = self.rows[i]
        end = min((self.done[i] + count - 1) * rows.stride - rows.before + rows.extent, self.rows_in[i])
        for maker in self.makers[i]:
            while self.done[maker] < end:
                self._take(maker)
        self._make_room(i, self.done[i] + count)
        self.done[i] += count

    def _make_room(self, i: int, end: int) -> None:
        drop = 0
        if self.readers[i] and (self.room is None or end - self.base[i] > self.room[i]):
            needed = min(self._next_row(reader) for reader in self.readers[i])
            drop = max(0, min(needed, self.done[i]) - self.base[i])
        if drop:
            self.base[i] += drop
            self.moved[i] += self.done[i] - self.base[i]
        self.most[i] = max(self.most[i], end - self.base[i])
        self.turns.append(Turn(i, drop))

    def _next_row(self, reader: int) -> int:
        """The first row that a reader still needs."""
        done, rows = self.done[reader], self.rows[reader]
        if done >= self.rows_out[reader]:
            return self.rows_in[reader]
        return min(max(0, done * rows.stride - rows.before), self.rows_in[reader])


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
    moved_bytes = sum(rows * line.row_bytes for rows, line in zip(run.moved, lines, strict=False))
    ahead = tuple(_ahead(calls, run.turns, strip, source) for source in inputs)
    return Stream(calls, inputs, ahead, strip, spare, lines, tuple(run.turns), moved_bytes)


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
    row_bytes, row_out_bytes = source.nbytes // height(source), output.nbytes // height(output)
    reads = [source in call.inputs for call in calls]
    taken = [sum(turn.call == i for turn in turns) for i in range(len(calls))]
    done = [min(strip * count, height(call.outputs[0])) for count, call in zip(taken, calls, strict=True)]
    first_needed: int | None = None
    for turn in reversed(turns):
        if turn.call == last and first_needed is not None:
            least = max(least, done[last] * row_out_bytes - first_needed * row_bytes)
        done[turn.call] -= (done[turn.call] - 1) % strip + 1
        if turn.call != last and reads[turn.call]:
            begin = first_row_read(calls[turn.call], done[turn.call])
            first_needed = begin if first_needed is None else min(begin, first_needed)
    return least
