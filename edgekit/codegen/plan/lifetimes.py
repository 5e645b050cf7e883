"""From steps to blocks: what is alive from when to when, and which may lie over which."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.codegen.plan.demand import Block, Demand, Over
from edgekit.codegen.plan.task import LIFT, Task
from edgekit.codegen.plan.views import Shared
from edgekit.graph.model import Tensor

ALIGN_BYTES = 4
WIDE_BYTES = 8


class Use(enum.Enum):
    """What a block is for."""

    INPUT = "input"
    OUTPUT = "output"
    STATE = "state"
    TENSOR = "tensor"
    SCRATCH = "scratch"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A block of the plan: step 0 is the application writing inputs, then one step a task, then outputs are read.

    Attributes:
        name: the tensor's (of several that share it, the first's), or what scratch is for.
        first, last: steps, both included.
    """

    name: str
    use: Use
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """The demand, and whose blocks they are.

    Attributes:
        lifetimes: of each block, in the demand's order.
        roots: the blocks of `Shared`, by number -> block; -1 where nothing but a stream's line buffer held it.
        scratch: for each task, its scratch block or -1.
        lines: for each task, the blocks of its stream's line buffers.
    """

    demand: Demand
    lifetimes: tuple[Lifetime, ...]
    roots: tuple[int, ...]
    scratch: tuple[int, ...]
    lines: tuple[tuple[int, ...], ...]


def blocks_of(
    shared: Shared, tasks: Sequence[Task], inputs: Sequence[Tensor], outputs: Sequence[Tensor], grain: int = ALIGN_BYTES
) -> Blocks:
    """Inputs are alive from the start, outputs to the end, states for ever, scratch and line buffers in their step."""
    spans = _spans(shared, tasks, inputs, outputs)
    blocks: list[Block] = []
    lifetimes: list[Lifetime] = []
    roots = [-1] * len(shared.root_bytes)

    def add(name: str, use: Use, nbytes: int, first: int, last: int, align: int) -> int:
        blocks.append(Block(nbytes, first, last, max(align, grain)))
        lifetimes.append(Lifetime(name, use, nbytes, first, last))
        return len(blocks) - 1

    for root, (first, last) in spans.items():
        tensors = shared.root_tensors[root]
        align = max(WIDE_BYTES if t.dtype.bits > 32 else ALIGN_BYTES for t in tensors)
        use = _use(tensors, inputs, outputs, tasks)
        roots[root] = add(tensors[0].name, use, shared.root_bytes[root], first, last, align)
    scratch, lines = [], []
    for step, task in enumerate(tasks, 1):
        name = task.calls[0].op.name
        some = task.scratch_bytes
        scratch.append(add(name, Use.SCRATCH, some, step, step, WIDE_BYTES) if some else -1)
        rows = task.stream.lines if task.stream else ()
        lines.append(tuple(add(line.tensor.name, Use.LINES, line.nbytes, step, step, ALIGN_BYTES) for line in rows))
    overs = _overs(shared, tasks, spans, roots)
    return Blocks(Demand(tuple(blocks), overs), tuple(lifetimes), tuple(roots), tuple(scratch), tuple(lines))


def _spans(
    shared: Shared, tasks: Sequence[Task], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> dict[int, tuple[int, int]]:
    """For each block of tensors, its first and last step."""
    end = len(tasks) + 1
    uses = [(tensor, 0) for tensor in inputs]
    for step, task in enumerate(tasks, 1):
        uses += [(tensor, step) for tensor in (*task.inputs, *task.outputs)]
        uses += [(tensor, at) for tensor in task.states for at in (0, end)]
    uses += [(tensor, end) for tensor in outputs if tensor in shared.places]
    spans: dict[int, tuple[int, int]] = {}
    for tensor, step in uses:
        root = shared.places[tensor].root
        first, last = spans.get(root, (step, step))
        spans[root] = (min(first, step), max(last, step))
    return spans


def _use(tensors: Sequence[Tensor], inputs: Sequence[Tensor], outputs: Sequence[Tensor], tasks: Sequence[Task]) -> Use:
    states = {state for task in tasks for state in task.states}
    for use, those in ((Use.STATE, states), (Use.OUTPUT, set(outputs)), (Use.INPUT, set(inputs))):
        if any(tensor in those for tensor in tensors):
            return use
    return Use.TENSOR


def _overs(
    shared: Shared, tasks: Sequence[Task], spans: dict[int, tuple[int, int]], roots: Sequence[int]
) -> tuple[Over, ...]:
    """An output may lie over an input where the block of the one ends as that of the other begins."""
    found: dict[tuple[int, int], int] = {}
    apart: set[tuple[int, int]] = set()
    for step, task in enumerate(tasks, 1):
        for source, ahead in zip(task.inputs, task.ahead, strict=True):
            above, below = shared.places[source], shared.places[task.outputs[0]]
            pair = (roots[above.root], roots[below.root])
            if ahead is None or above.root == below.root:
                apart.add(pair)
            elif spans[above.root][1] == step == spans[below.root][0]:
                least = max(ahead + below.offset - above.offset, 0)
                found[pair] = max(found.get(pair, 0), least)
        if task.calls[0].function == LIFT:
            found[pair[1], pair[0]] = 0
    return tuple(Over(high, low, ahead) for (high, low), ahead in found.items() if (high, low) not in apart)
