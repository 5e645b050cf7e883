"""The arena of generated C as a picture: steps across, bytes up, a box for each block of memory."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.codegen.plan.picture import ArenaBlock, ArenaPicture
from edgekit.core.units import format_bytes
from edgekit.report.chart import Chart, Scale, box, line, percent_place, ticks, words_at
from edgekit.report.markup import Html
from edgekit.report.words import number

_TOP, _HEIGHT = 34.0, 260.0
_LABEL_HEIGHT, _LABEL_WIDTH = 14.0, 2.6
"""The least size of a box, in pixels and percent, for its number to be written in it."""
LOOKS = {
    "tensor": "after", "lines": "worst", "scratch": "worst", "input": "before", "output": "fine", "state": "fine",
}  # fmt: skip
_LEGEND = (("before", "input"), ("after", "tensor"), ("worst", "rows, scratch"), ("fine", "output, state"))
WORDS = {
    "tensor": "tensor", "lines": "rows of a tensor", "scratch": "scratch", "input": "input", "output": "output",
    "state": "state",
}  # fmt: skip


def arena_chart(picture: ArenaPicture) -> Html:
    """A box for each block, from its first step to its last and from its first byte to its last; numbers are the
    table's. Where two overlap, a kernel writes its output over its input, behind what it still reads."""
    scale = Scale(0.0, max(picture.arena_bytes, 1), _HEIGHT)
    pitch = 100 / len(picture.steps)
    shapes = [*_legend(), *_frame(picture, scale)]
    shapes += [_drawn(block, picture, scale, pitch) for block in _back_to_front(picture.blocks)]
    shapes += [label for i, block in enumerate(picture.blocks, 1) for label in _number(str(i), block, scale, pitch)]
    return Chart("arena-chart", "The arena over time", described(picture), int(_TOP + _HEIGHT + 40), axis=True).draw(
        *shapes
    )


def described(picture: ArenaPicture) -> str:
    """The picture in words."""
    step = fullest(picture)
    return (
        f"{len(picture.blocks)} blocks of memory over {len(picture.steps)} steps in an arena of "
        f"{format_bytes(picture.arena_bytes)}. It is fullest in step {step}, {picture.steps[step]}. All blocks are in "
        "the table below."
    )


def fullest(picture: ArenaPicture) -> int:
    """The first step whose highest byte is the arena's last."""
    tops = [block.first for block in picture.blocks if block.offset + block.nbytes == picture.arena_bytes]
    return min(tops, default=0)


def step_words(picture: ArenaPicture, first: int, last: int) -> str:
    """From which step to which."""
    names = [short(picture.steps[step]) for step in (first, last)]
    return f"{first} {names[0]}" if first == last else f"{first} {names[0]} to {last} {names[1]}"


def short(step: str) -> str:
    """What runs in a step; of a stream, how many operators and the first and last."""
    ops = step.split(" ")
    return step if len(ops) == 1 else f"{len(ops)} streamed, {ops[0]} to {ops[-1]}"


def _back_to_front(blocks: Sequence[ArenaBlock]) -> list[ArenaBlock]:
    """Large blocks first, so that no small one is hidden."""
    return sorted(blocks, key=lambda b: -(b.last - b.first + 1) * b.nbytes)


def _drawn(block: ArenaBlock, picture: ArenaPicture, scale: Scale, pitch: float) -> Html:
    high = max(scale.at(block.nbytes), 1.0)
    hint = (
        f"{block.name}: {WORDS[block.use]} of {block.nbytes:,} bytes at {block.offset:,}, step "
        f"{step_words(picture, block.first, block.last)}"
    )
    place = _TOP + _HEIGHT - scale.at(block.offset) - high
    return box(block.first * pitch, place, ((block.last - block.first + 1) * pitch, high), _look(block), hint)


def _look(block: ArenaBlock) -> str:
    return f"{LOOKS[block.use]} block"


def _number(label: str, block: ArenaBlock, scale: Scale, pitch: float) -> list[Html]:
    """The block's number, where its box has room for it."""
    width, high = (block.last - block.first + 1) * pitch, scale.at(block.nbytes)
    if width < _LABEL_WIDTH or high < _LABEL_HEIGHT:
        return []
    middle = _TOP + _HEIGHT - scale.at(block.offset) - high / 2
    # Towards the start, where a block is seldom covered by the next one's.
    across = percent_place(block.first * pitch + min(width / 2, pitch / 2))
    return [words_at(label, across, middle + 4, "label", "middle")]


def _legend() -> list[Html]:
    shapes = []
    for i, (look, words) in enumerate(_LEGEND):
        shapes.append(box(25.0 * i, 1, (1.6, 11), f"{look} block"))
        shapes.append(words_at(words, percent_place(25.0 * i + 2.6), 11))
    return shapes


def _frame(picture: ArenaPicture, scale: Scale) -> list[Html]:
    """Bytes at the left, steps below."""
    base = _TOP + _HEIGHT
    shapes = []
    for tick in ticks(0.0, picture.arena_bytes / 1024, 4):
        y = base - scale.at(tick * 1024)
        shapes.append(line((0, 100), (y, y), "base" if tick == 0 else "grid"))
        shapes.append(words_at(number(tick), "-8", y + 4, "", "end"))
    shapes.append(words_at("KiB", "-8", _TOP - 12, "", "end"))
    pitch = 100 / len(picture.steps)
    for step in ticks(0.0, float(len(picture.steps) - 1), 8):
        shapes.append(words_at(number(step), percent_place((step + 0.5) * pitch), base + 17, "", "middle"))
    shapes.append(words_at("step: the application writes the inputs, operators in order, it reads the outputs", "0",
                           base + 35))  # fmt: skip
    return shapes
