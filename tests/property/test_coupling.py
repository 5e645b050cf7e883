"""Whatever the net: what is cut counts for nothing, and the rest computes what it did."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgekit.compress.prune.coupling import couple
from edgekit.graph.check import check
from edgekit.graph.codec import read, write
from edgekit.graph.model import Model
from tests.property.random_graphs import models
from tests.unit.compress.prune.oracle import assert_cut_is_silence, free


@settings(max_examples=40)
@given(models(), st.integers(0, 100))
def test_a_cut_is_silence(model: Model, seed: int) -> None:
    check(model)
    assume(free(model))
    assert_cut_is_silence(model, seed)


@settings(max_examples=40)
@given(models())
def test_every_position_belongs_to_one_unit_of_one_group(model: Model) -> None:
    seen: set[tuple[str, int, str, int]] = set()
    for group in couple(model):
        for part in group.parts:
            assert part.places.shape[0] == group.units
            for position in part.places.ravel().tolist():
                place = (part.tensor, part.axis, f"{part.role} {part.op}", position)
                assert place not in seen
                seen.add(place)


@settings(max_examples=40)
@given(models())
def test_groups_do_not_change_on_the_way_to_bytes(model: Model) -> None:
    again = couple(read(write(model)))
    assert [(g.name, g.units, g.pinned) for g in couple(model)] == [(g.name, g.units, g.pinned) for g in again]
