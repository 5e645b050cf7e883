"""The part of the page that shows the arena of generated C."""

from __future__ import annotations

from edgekit.codegen.plan.picture import ArenaPicture
from edgekit.core.units import format_bytes
from edgekit.report.arena_chart import WORDS, arena_chart, short, step_words
from edgekit.report.markup import (
    Column,
    Html,
    breakable,
    element,
    facts,
    scroll,
    section,
    table,
    titled,
)
from edgekit.report.words import percent

_CAPTION = (
    "A box is a block of memory, from the step that first writes it to the one that last reads it. Boxes overlap where "
    "an operator writes its output over its input, behind the rows that it still reads. Numbers are the table's"
)


def arena_section(picture: ArenaPicture | None) -> Html:
    """Picture, numbers and table; nothing where no C was generated."""
    if picture is None:
        return Html("")
    figure = element("figure", {}, element("figcaption", {}, f"{_CAPTION}."), arena_chart(picture))
    words = f"All {len(picture.blocks)} blocks as a table"
    blocks = element("details", {}, element("summary", {}, words), _blocks(picture))
    steps = element("details", {}, element("summary", {}, f"All {len(picture.steps)} steps"), _steps(picture))
    return section("arena", "Memory over time", figure, facts(_facts(picture)), blocks, steps)


def _facts(picture: ArenaPicture) -> list[tuple[str, str]]:
    arena, bound, naive = picture.arena_bytes, picture.lower_bound_bytes, picture.naive_bytes
    gap = "proven to be the smallest for this order" if arena <= bound else f"at most {arena - bound:,} B too large"
    found = [
        ("Arena", f"{format_bytes(arena)}, {gap}"),
        ("Without sharing memory", f"{format_bytes(naive)}; the arena is {percent(arena, naive)} of it"),
    ]
    streams = [step for step in picture.steps if " " in step]
    if streams:
        found.append(("Streamed row by row", "; ".join(short(step) for step in streams)))
    if picture.moved_bytes:
        cost = f"{format_bytes(picture.moved_bytes)} moved an inference; nothing is computed twice"
        found.append(("What that costs", cost))
    return found


def _blocks(picture: ArenaPicture) -> Html:
    columns = (Column("Block"), Column("Steps"), Column("Offset", True), Column("Bytes", True))
    rows = [
        (
            titled(element("code", {}, f"{i} ", breakable(block.name)), WORDS[block.use]),
            step_words(picture, block.first, block.last),
            f"{block.offset:,}",
            f"{block.nbytes:,}",
        )
        for i, block in enumerate(picture.blocks, 1)
    ]
    return scroll("Table of memory blocks", table("Blocks of the arena", columns, rows))


def _steps(picture: ArenaPicture) -> Html:
    rows = [(str(i), breakable(step)) for i, step in enumerate(picture.steps)]
    shown = table("What runs in each step; operators in one row take turns", (Column("Step"), Column("Runs")), rows)
    return scroll("Table of steps", shown)
