"""A number of bytes below which no arena can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from edgekit.codegen.plan.demand import Demand, round_up


def lower_bound(demand: Demand) -> int:
    """The most bytes that any one step needs by itself, with its overlaps used as well as they can be."""
    return max((step_bytes(demand, step) for step in demand.steps()), default=0)


def shifted_bound(demand: Demand, best: int) -> int:
    """`best` or a lesser number that no layout is below, by the shifts of outputs over inputs that must add up.

    In fewer bytes than `best`, two blocks that together are larger cannot lie apart: so the input must start `ahead`
    above the output. The longest chain of such pairs, and the size of its topmost block, is a bound.
    """
    blocks = demand.blocks
    pairs = {(over.low, over.high) for over in demand.overs}
    forced = [
        (over.low, over.high, min(over.ahead, blocks[over.low].nbytes))
        for over in demand.overs
        if blocks[over.low].nbytes + blocks[over.high].nbytes >= best and (over.high, over.low) not in pairs
    ]
    least = [0] * len(blocks)
    for _ in blocks:
        before = list(least)
        for low, high, ahead in forced:
            least[high] = max(least[high], round_up(least[low] + ahead, blocks[high].align))
        if least == before:
            break
    return min(best, max((at + block.nbytes for at, block in zip(least, blocks, strict=True)), default=0))


def live_bytes(demand: Demand) -> tuple[int, ...]:
    """What each step needs by itself."""
    return tuple(step_bytes(demand, step) for step in demand.steps())


def step_bytes(demand: Demand, step: int) -> int:
    """The least height of what is alive in `step`: exact for one written block, else a bound from below."""
    alive = {i: b for i, b in enumerate(demand.blocks) if b.is_alive(step)}
    if not alive:
        return 0
    grain = min(block.align for block in alive.values())
    sizes = {i: round_up(block.nbytes, grain) for i, block in alive.items()}
    slack = max(sizes[i] - alive[i].nbytes for i in alive)
    return _height(sizes, demand.partners(step), grain) - slack


def _height(sizes: Mapping[int, int], partners: Mapping[int, Mapping[int, int]], grain: int) -> int:
    if not partners:
        return sum(sizes.values())
    if len(partners) > 1:
        highs = {high for found in partners.values() for high in found}
        return max(
            sum(size for i, size in sizes.items() if i not in highs),
            sum(size for i, size in sizes.items() if i not in partners),
        )
    ((low, highs_ahead),) = partners.items()
    apart = sum(size for i, size in sizes.items() if i != low and i not in highs_ahead)
    inputs = [(round_up(ahead, grain), sizes[i]) for i, ahead in highs_ahead.items()]
    return apart + stack_bytes(sizes[low], inputs)


def stack_bytes(low: int, inputs: Sequence[tuple[int, int]]) -> int:
    """The least height of an output of `low` bytes and dying inputs of (ahead, bytes).

    Each input lies under the output, or at least `ahead` above its start; inputs lie apart from each other. Those over
    the output go up in the order of their `ahead`, as jobs of one machine with times of release.

    >>> stack_bytes(10, [(2, 10)]), stack_bytes(10, [(0, 10), (0, 10)]), stack_bytes(10, [(9, 3)])
    (12, 20, 12)
    """
    best = low + sum(size for _, size in inputs)
    for count in range(1, len(inputs) + 1):
        for over in combinations(range(len(inputs)), count):
            top = 0
            for ahead, size in sorted(inputs[i] for i in over):
                top = max(top, min(ahead, low)) + size
            under = sum(size for i, (_, size) in enumerate(inputs) if i not in over)
            best = min(best, under + max(low, top))
    return best
