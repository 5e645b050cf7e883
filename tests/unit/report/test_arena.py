from __future__ import annotations

from edgekit.report.arena_chart import arena_chart, fullest
from edgekit.report.html_arena import arena_section
from tests.unit.report.sample import arena


def test_every_block_is_named_with_its_place() -> None:
    drawn = arena_chart(arena())
    assert drawn.count("<title>") == 5
    assert "model/conv2d/Relu: rows of a tensor of 1,536 bytes at 8,192, step 1 2 streamed, CONV_2D to CONV_2D" in drawn


def test_the_fullest_step_is_told() -> None:
    assert fullest(arena()) == 1
    assert "It is fullest in step 1, CONV_2D CONV_2D." in arena_chart(arena())


def test_numbers_stand_beside_the_picture() -> None:
    shown = arena_section(arena())
    assert "at most 28 B too large" in shown
    assert "4,096 B moved an inference; nothing is computed twice" in shown
    assert "All 5 blocks as a table" in shown and "All 4 steps" in shown


def test_no_generated_c_no_picture() -> None:
    assert arena_section(None) == ""
