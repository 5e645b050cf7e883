"""The arena of a network, and the order of its calls. Read this file first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgekit.codegen.call import Build, Call, Settings
from edgekit.codegen.plan.bound import live_bytes
from edgekit.codegen.plan.demand import round_up
from edgekit.codegen.plan.lifetimes import ALIGN_BYTES, Blocks, Lifetime, blocks_of
from edgekit.codegen.plan.lift import lifts
from edgekit.codegen.plan.order import ordered
from edgekit.codegen.plan.place import Effort, Placement, place
from edgekit.codegen.plan.segment import cuts, most_cost
from edgekit.codegen.plan.stream import Stream
from edgekit.codegen.plan.task import LIFT, Task
from edgekit.codegen.plan.views import Shared, shared_memory
from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Tensor

_HELIUM_ALIGN_BYTES = 16
_WORTH = 0.03
"""A tensor is lifted if that makes the arena smaller by this share."""
_FULL, _QUICK = Effort(), Effort(40, 0)


@dataclass(frozen=True, slots=True, eq=False)
class PlacedStream:
    """A stream, and where its line buffers are: bytes from the arena's start, one for each call but the last."""

    stream: Stream
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlacedLifetime:
    """A block, and where it lies."""

    lifetime: Lifetime
    offset: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Where everything lies.

    Attributes:
        calls: in the order in which they run, without those that are nothing but views.
        offsets: bytes from the arena's start, for inputs, outputs, states and everything between that lies there whole.
        scratch: for calls that want some, where it is.
        arena_bytes: size of the arena.
        streams: calls that take turns; each stands for some that follow each other in `calls`.
        lifetimes: all blocks: from step 0, where the application writes the inputs, to the last, where it reads the
            outputs; each call or stream is one step between.
        steps: what runs in each step: its calls' names.
        live_bytes: for each step, what it needs by itself.
        lower_bound_bytes: no arena can be smaller with these calls in this order.
        naive_bytes: what it would take if nothing shared memory but views.
    """

    calls: tuple[Call, ...]
    offsets: Mapping[Tensor, int]
    scratch: Mapping[Call, int]
    arena_bytes: int
    streams: tuple[PlacedStream, ...] = ()
    lifetimes: tuple[PlacedLifetime, ...] = ()
    steps: tuple[str, ...] = ()
    live_bytes: tuple[int, ...] = ()
    lower_bound_bytes: int = 0
    naive_bytes: int = 0

    @property
    def is_optimal(self) -> bool:
        """The arena is as small as it can be, which is proven."""
        return self.arena_bytes <= self.lower_bound_bytes

    @property
    def gap_bytes(self) -> int:
        """How much smaller it might be at most."""
        return max(self.arena_bytes - self.lower_bound_bytes, 0)

    @property
    def moved_bytes(self) -> int:
        """Bytes moved in an inference, within line buffers and by lifts: what the small arena costs."""
        lifted = sum(call.inputs[0].nbytes for call in self.calls if call.function == LIFT)
        return lifted + sum(placed.stream.moved_bytes for placed in self.streams)


def plan(graph: Graph, calls: tuple[Call, ...], settings: Settings | None = None) -> Plan:
    """The smallest arena that is found. Without settings no calls are streamed and no tensor is lifted.

    Raises:
        ModelError: an operator that is nothing but views of memory cannot be, or something is read or handed out that
            is never computed.
    """
    shared = shared_memory(graph.inputs, calls)
    for tensor in graph.outputs:
        if tensor not in shared.places:
            raise ModelError(f"The model's output '{tensor.name}' is never computed.")
    grain = _HELIUM_ALIGN_BYTES if settings is not None and settings.build is Build.MVE else ALIGN_BYTES
    shared = ordered(shared, graph.inputs, graph.outputs)
    ways = [
        (planned(graph, shared, tasks, grain), tasks) for tasks in cuts(shared, graph.inputs, graph.outputs, settings)
    ]
    best, tasks = min(ways, key=lambda way: way[0].arena_bytes)
    if settings is not None:
        best = _lifted(graph, shared, tasks, best, most_cost(shared.calls, settings) - best.moved_bytes, grain)
    return replace(best, naive_bytes=_naive_bytes(shared))


def planned(
    graph: Graph, shared: Shared, tasks: Sequence[Task], grain: int = ALIGN_BYTES, effort: Effort = _FULL
) -> Plan:
    """The plan in which these tasks run one after the other."""
    blocks = blocks_of(shared, tasks, graph.inputs, graph.outputs, grain)
    return _plan(shared, tasks, blocks, place(blocks.demand, effort))


def _lifted(graph: Graph, shared: Shared, tasks: Sequence[Task], plan: Plan, cost: float, grain: int) -> Plan:
    """The plan with tensors lifted as long as each makes the arena smaller by a share, and `cost` bytes may move."""
    while plan.arena_bytes * (1 - _WORTH) > max(plan.live_bytes, default=0):
        tried = [
            (planned(graph, way.shared, way.tasks, grain, _QUICK), way)
            for way in lifts(shared, tasks, graph.outputs, plan.arena_bytes // 4)
            if way.moved_bytes <= cost
        ]
        if not tried:
            break
        found, way = min(tried, key=lambda one: (one[0].arena_bytes, one[1].moved_bytes))
        if found.arena_bytes > plan.arena_bytes * (1 - _WORTH):
            break
        plan, shared, tasks, cost = found, way.shared, way.tasks, cost - way.moved_bytes
    return plan


def _plan(shared: Shared, tasks: Sequence[Task], blocks: Blocks, placement: Placement) -> Plan:
    at = placement.layout.offsets
    scratch = {
        call: at[block]
        for task, block in zip(tasks, blocks.scratch, strict=True)
        for call in task.calls
        if call.scratch_bytes
    }
    return Plan(
        calls=tuple(call for task in tasks for call in task.calls),
        offsets={t: at[blocks.roots[p.root]] + p.offset for t, p in shared.places.items() if blocks.roots[p.root] >= 0},
        scratch=scratch,
        arena_bytes=placement.layout.nbytes,
        streams=tuple(
            PlacedStream(task.stream, tuple(at[line] for line in lines))
            for task, lines in zip(tasks, blocks.lines, strict=True)
            if task.stream
        ),
        lifetimes=tuple(PlacedLifetime(life, offset) for life, offset in zip(blocks.lifetimes, at, strict=True)),
        steps=("inputs", *(" ".join(call.op.label for call in task.calls) for task in tasks), "outputs"),
        live_bytes=live_bytes(blocks.demand),
        lower_bound_bytes=placement.lower_bound_bytes,
    )


def _naive_bytes(shared: Shared) -> int:
    """Every tensor and every scratch buffer in a place of its own."""
    tensors = sum(round_up(nbytes, ALIGN_BYTES) for nbytes in shared.root_bytes)
    return tensors + sum(round_up(call.scratch_bytes, ALIGN_BYTES) for call in shared.calls)
