"""The arena over time as plain numbers and names, to be kept in a bundle and drawn in its report."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.codegen.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class ArenaBlock:
    """Memory of one use.

    Attributes:
        name: the tensor's name.
        use: "input", "output", "state", "tensor", "scratch" or "lines" (the rows of a tensor that a stream keeps).
        first, last: the steps in which it is taken, both included.
        offset, nbytes: where it lies in the arena.
    """

    name: str
    use: str
    first: int
    last: int
    offset: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class ArenaPicture:
    """Memory over time, tensor by tensor.

    Attributes:
        blocks: two may overlap where a kernel writes its output over its input.
        steps: what runs in each step: "inputs", operators (of a stream with spaces between), "outputs".
        arena_bytes, lower_bound_bytes: the arena, and what none can be below.
        naive_bytes: what it would take without any sharing.
        moved_bytes: bytes that streams and lifts move in an inference; nothing is computed twice.
    """

    blocks: tuple[ArenaBlock, ...]
    steps: tuple[str, ...]
    arena_bytes: int
    lower_bound_bytes: int
    naive_bytes: int
    moved_bytes: int


def picture_of(plan: Plan) -> ArenaPicture:
    """The picture of a plan."""
    blocks = tuple(
        ArenaBlock(life.name, life.use.value, life.first, life.last, placed.offset, life.nbytes)
        for placed in plan.lifetimes
        for life in (placed.lifetime,)
    )
    return ArenaPicture(
        blocks, plan.steps, plan.arena_bytes, plan.lower_bound_bytes, plan.naive_bytes, plan.moved_bytes
    )
