from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.codegen.plan.bound import lower_bound, shifted_bound
from edgekit.codegen.plan.demand import Block, Demand, Over, is_legal, layout_of
from edgekit.codegen.plan.exact import search
from edgekit.codegen.plan.place import Effort, place


@st.composite
def demands(draw: st.DrawFn, most: int = 14, largest: int = 60) -> Demand:
    blocks = []
    for _ in range(draw(st.integers(1, most))):
        first = draw(st.integers(0, 6))
        align = draw(st.sampled_from([1, 1, 2]))
        blocks.append(Block(draw(st.integers(1, largest)), first, first + draw(st.integers(0, 3)), align))
    pairs = [(i, k) for i, a in enumerate(blocks) for k, b in enumerate(blocks) if i != k and a.last == b.first]
    ahead = st.integers(0, largest + 5)
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=6)) if pairs else []
    return Demand(
        tuple(blocks), tuple(Over(i, k, draw(ahead)) for i, k in chosen if (k, i) not in chosen[: chosen.index((i, k))])
    )


def smallest(demand: Demand, most: int) -> int:
    """By trying every offset of every block."""
    for nbytes in range(most):
        spaces = [range(0, nbytes - block.nbytes + 1, block.align) for block in demand.blocks]
        if any(is_legal(demand, layout_of(demand, offsets)) for offsets in product(*spaces)):
            return nbytes
    return most


@settings(max_examples=150, deadline=None)
@given(demands())
def test_a_layout_is_legal_and_not_below_its_bound(demand: Demand) -> None:
    placement = place(demand, Effort(50, 500))
    assert is_legal(demand, placement.layout)
    assert lower_bound(demand) <= placement.lower_bound_bytes <= placement.layout.nbytes


@settings(max_examples=150, deadline=None)
@given(demands(most=4, largest=5))
def test_the_exact_search_finds_what_trying_everything_finds(demand: Demand) -> None:
    best = place(demand, Effort(0, 0)).layout
    found = search(demand, best, lower_bound(demand), 100_000)
    assert found.is_complete and is_legal(demand, found.layout)
    least = smallest(demand, best.nbytes)
    assert found.layout.nbytes == least
    assert shifted_bound(demand, best.nbytes) <= least
    placed = place(demand)
    assert placed.lower_bound_bytes <= least <= placed.layout.nbytes


def test_the_same_demand_gives_the_same_layout() -> None:
    demand = Demand(tuple(Block(n * 7 % 31 + 1, n % 5, n % 5 + n % 3) for n in range(30)))
    assert place(demand) == place(demand)


def test_an_output_shifts_down_over_its_dying_input() -> None:
    demand = Demand((Block(100, 0, 1), Block(100, 1, 2)), (Over(0, 1, 12),))
    placement = place(demand)
    assert placement.layout.offsets == (12, 0)
    assert placement.layout.nbytes == 112 and placement.is_optimal


def test_shifts_of_a_chain_add_up_and_no_layout_is_smaller() -> None:
    blocks = tuple(Block(100, n, n + 1) for n in range(4))
    demand = Demand(blocks, tuple(Over(n, n + 1, 10) for n in range(3)))
    placement = place(demand)
    assert placement.layout.nbytes == 130 and placement.is_optimal
    assert lower_bound(demand) == 110 and shifted_bound(demand, 130) == 130
