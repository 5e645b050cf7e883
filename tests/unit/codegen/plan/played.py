"""A plan played byte by byte: every byte carries the name of what was written there, and every read looks at it.

Kernels read as late as their `ahead` allows: a byte of an input just before the output may first be written over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.codegen.call import Call
from edgekit.codegen.plan.plan import PlacedStream, Plan
from edgekit.codegen.plan.task import LIFT
from edgekit.graph.model import Graph, Tensor

Tag = tuple[object, ...]
NEVER = 10**9


@dataclass(frozen=True)
class Read:
    """Bytes of an input, and how many bytes of output may be written before byte 0 must have been read."""

    tensor: Tensor
    begin: int
    end: int
    late: int


class Player:
    """The arena, and what each tensor must hold."""

    def __init__(self, graph: Graph, calls: Sequence[Call], plan: Plan) -> None:
        self.graph, self.plan = graph, plan
        run = {call.op for call in plan.calls}
        self.dropped = [call for call in calls if call.op not in run]
        self.memory: list[Tag | None] = [None] * plan.arena_bytes
        self.content: dict[Tensor, list[Tag]] = {}
        self.states = list(dict.fromkeys(s for call in calls for s in call.states))
        for state in self.states:
            self.content[state] = fresh(state, "start")
            self.write(plan.offsets[state], self.content[state])

    def assert_runs(self, turn: int) -> None:
        """One inference."""
        self.turn = turn
        for tensor in self.graph.inputs:
            self.content[tensor] = fresh(tensor, turn)
            self.write(self.plan.offsets[tensor], self.content[tensor])
        self.see_through()
        streams = {placed.stream.calls[0]: placed for placed in self.plan.streams}
        inside = {call for placed in self.plan.streams for call in placed.stream.calls}
        for call in self.plan.calls:
            if call in streams:
                self.stream(streams[call])
            elif call not in inside:
                self.call(call)
            self.see_through()
        for tensor in self.graph.outputs:
            self.read(self.plan.offsets[tensor], self.content[tensor])

    def see_through(self) -> None:
        """What calls that do not run would have computed, as far as their inputs are there."""
        for call in self.dropped:
            if not all(tensor in self.content for tensor in call.inputs):
                continue
            for view in call.views:
                if view.part in call.outputs:
                    whole = self.content[view.whole]
                    self.content[view.part] = whole[view.offset : view.offset + view.part.nbytes]
                else:
                    whole = self.content.setdefault(view.whole, [("hole",)] * view.whole.nbytes)
                    whole[view.offset : view.offset + view.part.nbytes] = self.content[view.part]

    def call(self, call: Call) -> None:
        at = self.plan.offsets
        if call.function == LIFT:
            (source,), (copy,) = call.inputs, call.outputs
            self.read(at[source], self.content[source])
            self.content[copy] = self.content[source]
            self.write(at[copy], self.content[copy])
            return
        for tensor in (*call.inputs, *call.states):
            self.read(at[tensor], self.content[tensor])
        scratch = self.plan.scratch.get(call, 0)
        dirt: list[Tag] = [(call, "scratch", i) for i in range(call.scratch_bytes)]
        self.write(scratch, dirt)
        for output in call.outputs:
            self.content[output] = fresh(output, self.turn)
        if len(call.outputs) == 1:
            reads = [Read(t, 0, t.nbytes, late(a)) for t, a in zip(call.inputs, call.ahead, strict=True)]
            self.sweep(call.outputs[0], 0, call.outputs[0].nbytes, reads)
        else:
            for output in call.outputs:
                self.write(at[output], self.content[output])
            for tensor in call.inputs:
                self.read(at[tensor], self.content[tensor])
        for state in call.states:
            self.read(at[state], self.content[state])
            self.content[state] = fresh(state, (self.turn, call))
            self.write(at[state], self.content[state])
        self.read(scratch, dirt)
        for output in call.outputs:
            self.read(at[output], self.content[output])

    def sweep(self, output: Tensor, begin: int, end: int, reads: Sequence[Read]) -> None:
        """Writes bytes [begin, end) of the output in order; each byte of an input is read as late as may be."""
        at, content = self.plan.offsets, self.content
        waiting = [(byte + r.late, r.tensor, byte) for r in reads for byte in range(r.begin, r.end)]
        waiting.sort(key=lambda item: item[0])
        i = 0
        for k in range(begin, end):
            while i < len(waiting) and waiting[i][0] <= k:
                _, tensor, byte = waiting[i]
                self.read(at[tensor] + byte, [content[tensor][byte]])
                i += 1
            self.write(at[output] + k, [content[output][k]])
        for _, tensor, byte in waiting[i:]:
            self.read(at[tensor] + byte, [content[tensor][byte]])

    def stream(self, placed: PlacedStream) -> None:
        stream, at = placed.stream, self.plan.offsets
        calls = stream.calls
        made = {call.outputs[0]: i for i, call in enumerate(calls)}
        done, base = [0] * len(calls), [0] * len(calls)
        for call in calls:
            self.content[call.outputs[0]] = fresh(call.outputs[0], self.turn)

        def place(tensor: Tensor, row: int) -> int:
            if tensor in made and made[tensor] < len(calls) - 1:
                i = made[tensor]
                assert base[i] <= row <= base[i] + stream.lines[i].rows, "rows that are not in the buffer"
                return placed.offsets[i] + (row - base[i]) * row_bytes(tensor)
            return at[tensor] + row * row_bytes(tensor)

        for turn in stream.turns:
            i, call = turn.call, calls[turn.call]
            output, rows = call.outputs[0], call.rows
            assert rows is not None
            if turn.drop:
                size = row_bytes(output)
                kept = (done[i] - base[i] - turn.drop) * size
                old = placed.offsets[i] + turn.drop * size
                self.write(placed.offsets[i], self.memory[old : old + kept])
                base[i] += turn.drop
            count = min(stream.strip, output.shape[1] - done[i])
            windows = []
            for tensor in call.inputs:
                begin = max(0, done[i] * rows.stride - rows.before)
                end = min(tensor.shape[1], (done[i] + count - 1) * rows.stride - rows.before + rows.extent)
                size = row_bytes(tensor)
                if end > begin:
                    assert tensor not in made or end <= done[made[tensor]], "a row is read before it is computed"
                    self.read(place(tensor, begin), self.content[tensor][begin * size : end * size])
                windows.append((tensor, begin, max(begin, end)))
            scratch = self.plan.scratch.get(call, 0)
            dirt: list[Tag] = [(call, "scratch", k) for k in range(call.scratch_bytes)]
            self.write(scratch, dirt)
            size = row_bytes(output)
            new = self.content[output][done[i] * size : (done[i] + count) * size]
            if i == len(calls) - 1:
                reads = [
                    Read(t, b * row_bytes(t), e * row_bytes(t), late(a))
                    for (t, b, e), a in zip(windows, call.ahead, strict=True)
                    if t not in made
                ]
                self.sweep(output, done[i] * size, (done[i] + count) * size, reads)
            else:
                self.write(place(output, done[i]), new)
            for tensor, begin, end in windows:
                if end > begin and (tensor in made or i < len(calls) - 1):
                    one = row_bytes(tensor)
                    self.read(place(tensor, begin), self.content[tensor][begin * one : end * one])
            self.read(scratch, dirt)
            done[i] += count
        assert done[-1] == calls[-1].outputs[0].shape[1], "rows are missing"

    def write(self, at: int, tags: Sequence[Tag | None]) -> None:
        assert at >= 0 and at + len(tags) <= len(self.memory), "written outside the arena"
        self.memory[at : at + len(tags)] = list(tags)

    def read(self, at: int, tags: Sequence[Tag]) -> None:
        assert self.memory[at : at + len(tags)] == list(tags), f"not what was written: {tags[:1]} at {at}"


def late(ahead: int | None) -> int:
    """Where input and output must lie apart, the input is read when all is written."""
    return NEVER if ahead is None else ahead


def fresh(tensor: Tensor, when: object) -> list[Tag]:
    return [(tensor.name, when, i) for i in range(tensor.nbytes)]


def row_bytes(tensor: Tensor) -> int:
    return tensor.nbytes // tensor.shape[1]
