"""Which calls run by themselves and which are streamed together: the order is cut into segments.

Each segment has the bytes that its step needs by itself, and what streaming it costs. The least peak over all ways to
cut, and then the least cost for that peak, come from dynamic programming over the cuts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgekit.codegen.call import Call, Optimize, Settings
from edgekit.codegen.plan.bound import step_bytes
from edgekit.codegen.plan.lifetimes import blocks_of
from edgekit.codegen.plan.stream import Stream, height, stream
from edgekit.codegen.plan.task import Task, streamed_task, task_of
from edgekit.codegen.plan.views import Shared
from edgekit.graph.model import Tensor

STRIPS = ((1, 0), (1, 2), (2, 0), (2, 4), (4, 0), (4, 8), (8, 0))
"""Rows of a turn, and spare rows of a buffer, that are tried."""
_MOST_CALLS = 40
_FEW = 4
"""Calls of a stream: all short ones are tried, then longer ones round what still stands highest."""
_GROWTHS, _MORE = 8, 20
"""How often, and how many at a time."""
_MOST_TURNS = 30_000
"""So many turns are played each time."""
_HOT = 1.01
"""Above what cannot be lowered by more than this, a call is worth streaming."""
_CUTS = 5
"""So many ways to cut are handed on to be placed."""
_MOVED_BYTE, _TURN = 1.0, 250.0
"""Instructions for a byte moved within a buffer, and for a turn (the kernel's own beginning and the table), about."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far streaming may go: its cost as a share of the multiply-accumulates, and the least share of the peak that
    it must save."""

    cost: float
    saving: float


_LIMITS = {
    Optimize.SPEED: Limits(0.02, 0.02),
    Optimize.SIZE: Limits(0.02, 0.10),
    Optimize.RAM: Limits(1.0, 0.0),
}
"""Streaming takes some hundred bytes of flash, so where size is the goal it must save a tenth."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Calls `first` to `last`, the bytes that are needed while they run, and the instructions that streaming costs."""

    first: int
    last: int
    task: Task
    peak_bytes: int
    cost: float


def cuts(
    shared: Shared, inputs: Sequence[Tensor], outputs: Sequence[Tensor], settings: Settings | None
) -> Iterator[tuple[Task, ...]]:
    """Ways to run the calls, worth placing: first each by itself, then some with streams, the least peak first."""
    yield tuple(task_of(call) for call in shared.calls)
    if settings is None:
        return
    limits, most = _LIMITS[settings.optimize], most_cost(shared.calls, settings)
    segments = Segments(shared, inputs, outputs).all(most)
    single = max((s.peak_bytes for s in segments if s.first == s.last), default=0)
    peaks = sorted({s.peak_bytes for s in segments if s.peak_bytes < single})
    least = _least_peak(segments, peaks, len(shared.calls), most)
    for peak in peaks[least : least + _CUTS]:
        way = _cheapest(segments, len(shared.calls), peak)
        if way is not None and peak <= (1 - limits.saving) * single:
            yield tuple(s.task for s in way)


def most_cost(calls: Sequence[Call], settings: Settings) -> float:
    """Instructions that may be spent on a smaller arena."""
    return _LIMITS[settings.optimize].cost * max(sum(call.macs for call in calls), 1)


def _least_peak(segments: Sequence[Segment], peaks: Sequence[int], count: int, most: float) -> int:
    """The place of the least of the sorted peaks that can be kept at a cost of `most`; their number if none can."""
    low, high = 0, len(peaks)
    while low < high:
        middle = (low + high) // 2
        way = _cheapest(segments, count, peaks[middle])
        if way is not None and sum(s.cost for s in way) <= most:
            high = middle
        else:
            low = middle + 1
    return low


def _cheapest(segments: Sequence[Segment], count: int, peak: int) -> tuple[Segment, ...] | None:
    """The cut of the least cost with no segment above `peak`; None where there is none."""
    best: list[tuple[float, tuple[Segment, ...]] | None] = [(0.0, ())] + [None] * count
    for segment in sorted(segments, key=lambda s: (s.first, s.last)):
        before = best[segment.first]
        if before is None or segment.peak_bytes > peak:
            continue
        cost = before[0] + segment.cost
        after = best[segment.last + 1]
        if after is None or cost < after[0]:
            best[segment.last + 1] = (cost, (*before[1], segment))
    end = best[count]
    return None if end is None else end[1]


class Segments:
    """The segments of one network."""

    def __init__(self, shared: Shared, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.shared, self.inputs, self.outputs = shared, inputs, outputs
        self.calls = shared.calls
        self.tasks = [task_of(call) for call in self.calls]
        self.readers: dict[Tensor, list[int]] = {}
        for i, call in enumerate(self.calls):
            for source in dict.fromkeys(call.inputs):
                self.readers.setdefault(source, []).append(i)

    def all(self, most_cost: float) -> list[Segment]:
        """Single calls, and streams that may lower the peak at this cost, as far as there is time to look."""
        singles = self.single()
        found = singles + self._tried(
            [(*span, *STRIPS[0]) for span in self._hot_spans(singles) if _calls(span) <= _FEW]
        )
        for _ in range(_GROWTHS):
            longer = self._longer(found, most_cost)
            if not longer:
                break
            found += self._tried([(*span, *STRIPS[0]) for span in longer])
        most = max((s.peak_bytes for s in singles), default=0)
        useful = sorted((s for s in found if s.first < s.last and s.peak_bytes < most), key=lambda s: s.peak_bytes)
        return found + self._tried([(s.first, s.last, *way) for s in useful for way in STRIPS[1:]])

    def _hot_spans(self, singles: Sequence[Segment]) -> list[tuple[int, int]]:
        """Those over a call that stands above what no stream can lower."""
        fixed = [s.peak_bytes for s in singles if not can_stream(self.calls[s.first])]
        fixed += [self.shared.root_bytes[self.shared.places[t].root] for t in (*self.inputs, *self.outputs)]
        hot = [s.peak_bytes > _HOT * max(fixed, default=0) for s in singles]
        return [span for span in self.spans() if any(hot[span[0] : span[1] + 1])]

    def _longer(self, found: Sequence[Segment], most_cost: float) -> list[tuple[int, int]]:
        """Untried spans round what stands highest in the best cut so far, short ones first."""
        peaks = sorted({s.peak_bytes for s in found})
        least = _least_peak(found, peaks, len(self.calls), most_cost)
        way = _cheapest(found, len(self.calls), peaks[least]) if least < len(peaks) else None
        if not way:
            return []
        top = max(way, key=lambda s: s.peak_bytes)
        tried = {(s.first, s.last) for s in found}
        spans = (span for span in self.spans() if span[0] <= top.first and span[1] >= top.last and span not in tried)
        return sorted(spans, key=_calls)[:_MORE]

    def _tried(self, ways: Sequence[tuple[int, int, int, int]]) -> list[Segment]:
        """Streams of (first call, last call, strip, spare), until so many turns have been played."""
        found: list[Segment] = []
        turns = 0
        for first, last, strip, spare in ways:
            if turns > _MOST_TURNS:
                break
            segment = self.streamed(first, last, strip, spare)
            turns += len(segment.task.stream.turns) if segment.task.stream else 0
            if is_tabled(segment.task.stream):
                found.append(segment)
        return found

    def single(self) -> list[Segment]:
        """Each call by itself."""
        return [Segment(i, i, task, self._peak(i, i, task), 0.0) for i, task in enumerate(self.tasks)]

    def spans(self) -> Iterator[tuple[int, int]]:
        """First and last call of all that can be streamed together."""
        for i in range(len(self.calls)):
            for k in range(i, min(i + _MOST_CALLS, len(self.calls))):
                if not can_stream(self.calls[k]):
                    break
                if k > i and self._is_closed(i, k):
                    yield i, k

    def _is_closed(self, first: int, last: int) -> bool:
        """Nothing but the last call's output is needed from outside."""
        return all(self._is_inner(self.calls[i].outputs[0], last) for i in range(first, last))

    def _is_inner(self, tensor: Tensor, last: int) -> bool:
        readers = self.readers.get(tensor, [])
        root = self.shared.places[tensor].root
        alone = len(self.shared.root_tensors[root]) == 1
        return alone and tensor not in self.outputs and bool(readers) and readers[-1] <= last

    def streamed(self, first: int, last: int, strip: int, spare: int) -> Segment:
        """These calls as a stream."""
        made = stream(self.calls[first : last + 1], strip, spare)
        task = streamed_task(made)
        return Segment(first, last, task, self._peak(first, last, task), _cost(made))

    def _peak(self, first: int, last: int, task: Task) -> int:
        tasks = [*self.tasks[:first], task, *self.tasks[last + 1 :]]
        return step_bytes(blocks_of(self.shared, tasks, self.inputs, self.outputs).demand, first + 1)


def can_stream(call: Call) -> bool:
    """The call computes rows by themselves from rows of inputs that are all of one height."""
    if call.rows is None or call.states or len(call.outputs) != 1 or not call.inputs:
        return False
    tensors = (*call.inputs, *call.outputs)
    whole = all(len(t.shape) == 4 and t.shape[0] == 1 for t in tensors)
    return whole and len({height(t) for t in call.inputs}) == 1


def _calls(span: tuple[int, int]) -> int:
    return span[1] - span[0] + 1


def is_tabled(made: Stream | None) -> bool:
    """Its turns fit the table in C, whose numbers have a byte."""
    return made is not None and len(made.calls) < 256 and all(turn.drop < 256 for turn in made.turns)


def _cost(made: Stream) -> float:
    return _MOVED_BYTE * made.moved_bytes + _TURN * len(made.turns)
