"""The picture of an analysis: what each layer's choices cost against what they save."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgekit.compress.analysis.analysis import Analysis, LayerEffect
from edgekit.compress.analysis.choice import BITS, CUTS, Choice
from edgekit.report.analysis_words import db_words, heading, shown_name
from edgekit.report.chart import Chart, Scale, line, percent_place, ticks, words_at
from edgekit.report.markup import Html, element
from edgekit.report.words import number, percent

HIGH_DB = 80.0
"""Where the scale ends: more is no difference that matters, and is drawn at the end."""

_TOP, _HEIGHT = 46.0, 300.0
_MARKS = {
    "circle": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    "diamond": "M0 -6.5L6.5 0L0 6.5L-6.5 0z",
    "square": "M-4.6 -4.6h9.2v9.2h-9.2z",
    "triangle": "M0 -6L6 5H-6z",
}
_LOOKS = {
    Choice.FLOAT16: ("diamond", "before"),
    Choice.INT16X8: ("square", "fine"),
    Choice.INT8: ("circle", "after"),
    Choice.INT4: ("triangle", "worst"),
    Choice.PRUNE_25: ("square", "fine"),
    Choice.PRUNE_50: ("circle", "after"),
    Choice.PRUNE_75: ("triangle", "worst"),
}
_LABELS = 12  # more would hide each other
_WIDTH = 780.0  # pixels of the whole width where the page has room: to see what would touch
_OFFSETS = (
    (14.0, 4.0),
    (-14.0, 4.0),
    (0.0, -9.0),
    (0.0, 18.0),
    (11.0, -7.0),
    (-11.0, -7.0),
)  # of a label from its mark, in pixels


@dataclass(frozen=True, slots=True)
class Point:
    """A layer (its number) and what a choice does to it; `share` of the whole is what it saves."""

    layer: int
    name: str
    effect: LayerEffect
    share: float
    db: float


def bits_chart(analysis: Analysis) -> Html:
    """Bytes saved across, signal to noise up; a point for each layer and number of bits."""
    points = _points(analysis, BITS, lambda e: e.bytes_saved / max(analysis.weight_bytes, 1))
    return _scatter("bits-chart", "Fewer bits: signal to noise against bytes saved", "of the model's weights", points)


def cuts_chart(analysis: Analysis) -> Html:
    """Multiply-accumulates saved across, signal to noise up; a point for each layer and cut."""
    points = _points(analysis, CUTS, lambda e: e.macs_saved / max(analysis.macs, 1))
    return _scatter("cuts-chart", "Fewer channels: signal to noise against multiply-accumulates saved",
                    "of the model's multiply-accumulates", points)  # fmt: skip


def _points(analysis: Analysis, choices: Sequence[Choice], share: Callable[[LayerEffect], float]) -> list[Point]:
    return [
        Point(number, shown_name(layer), effect, share(effect), min(max(effect.sqnr_db, 0.0), HIGH_DB))
        for number, layer in enumerate(analysis.layers, 1)
        for choice in choices
        if (effect := layer.effect(choice)) is not None and effect.sqnr_db is not None and share(effect) > 0
    ]


def _scatter(anchor: str, title: str, whole: str, points: Sequence[Point]) -> Html:
    if not points:
        return Html("")
    low = math.log10(min(p.share for p in points)) - 0.12
    high = min(max(20.0 * math.ceil(max(p.db for p in points) / 20), 20.0), HIGH_DB)
    across, up = Scale(low, math.log10(max(p.share for p in points)) + 0.12), Scale(0.0, high, _HEIGHT)
    shapes = [_defined(anchor), *_legend(anchor, points), *_frame(across, up, whole)]
    shapes += [_mark(anchor, p, *_place(p, across, up)) for p in sorted(points, key=lambda p: -p.db)]
    shapes += _labels(points, across, up)
    worst = min(points, key=lambda p: p.db)
    described = (
        f"{len(points)} points. The lowest is layer {worst.layer}, {worst.name}, as {worst.effect.choice.value} with "
        f"{db_words(worst.effect.sqnr_db)} dB. All numbers are in the table below."
    )
    return Chart(anchor, title, described, int(_TOP + _HEIGHT + 40), axis=True).draw(*shapes)


def _defined(anchor: str) -> Html:
    """The marks, drawn once and used wherever a point is: only `use` takes a place in percent."""
    paths = (element("path", {"id": f"{anchor}-{shape}", "d": drawn}) for shape, drawn in _MARKS.items())
    return element("defs", {}, *paths)


def _place(point: Point, across: Scale, up: Scale) -> tuple[float, float]:
    return across.at(math.log10(point.share)), _TOP + _HEIGHT - up.at(point.db)


def _mark(anchor: str, point: Point, x: float, y: float) -> Html:
    hint = f"layer {point.layer} {point.name}, {point.effect.choice.value}: {db_words(point.effect.sqnr_db)} dB, "
    return _symbol(anchor, point.effect.choice, (x, y), f"{hint}{percent(point.share, 1)} saved")


def _symbol(anchor: str, choice: Choice, place: tuple[float, float], hint: str = "") -> Html:
    """A mark at (percent, pixels): its shape says the same as its colour."""
    shape, look = _LOOKS[choice]
    where = {"href": f"#{anchor}-{shape}", "x": percent_place(place[0]), "y": f"{place[1]:.1f}"}
    return element("use", where | {"class": f"{look} point"}, *([element("title", {}, hint)] if hint else []))


def _legend(anchor: str, points: Sequence[Point]) -> list[Html]:
    used = {p.effect.choice for p in points}
    shapes = []
    for i, choice in enumerate(c for c in Choice if c in used):
        x = 25.0 * i
        shapes.append(_symbol(anchor, choice, (x + 1, 8.0)))
        shapes.append(words_at(heading(choice), percent_place(x + 2.6), 12.0, "strong"))
    return shapes


def _frame(across: Scale, up: Scale, whole: str) -> list[Html]:
    """Grid, numbers and the names of both scales."""
    base = _TOP + _HEIGHT
    shapes = []
    for tick in ticks(0.0, up.high, 4):
        y = base - up.at(tick)
        shapes.append(line((0, 100), (y, y), "base" if tick == 0 else "grid"))
        shapes.append(words_at(number(tick) if tick < HIGH_DB else f"{HIGH_DB:.0f}+", "-8", y + 4, "", "end"))
    for share in _shares(across.low, across.high):
        x = across.at(math.log10(share))
        shapes.append(line((x, x), (_TOP, base), "grid"))
        side = "start" if x < 5 else "end" if x > 95 else "middle"
        shapes.append(words_at(f"{100 * share:g} %", percent_place(x), base + 17, "", side))
    shapes.append(words_at("dB", "-8", _TOP - 14, "", "end"))
    shapes.append(words_at(f"saved, {whole}", "100%", base + 35, "", "end"))
    return shapes


def _shares(low: float, high: float) -> list[float]:
    """Round shares for a logarithmic scale; with halves between where it spans little."""
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    shares = [step * 10.0**power for power in range(math.floor(low), 1) for step in steps]
    return [share for share in shares if low <= math.log10(share) <= high]


def _labels(points: Sequence[Point], across: Scale, up: Scale) -> list[Html]:
    """The numbers of the layers with the lowest points, where there is room for them."""
    places = [_place(p, across, up) for p in points]
    marks = [(x / 100 * _WIDTH, y) for x, y in places]
    taken: list[tuple[float, float]] = []
    shapes: list[Html] = []
    for point, (x, y) in sorted(zip(points, places, strict=True), key=lambda pair: pair[0].db):
        if len(taken) == _LABELS:
            break
        offset = _room(x / 100 * _WIDTH, y, marks, taken)
        if offset is not None:
            taken.append((x / 100 * _WIDTH + offset[0], y + offset[1]))
            where = {"x": percent_place(x), "dx": f"{offset[0]:g}", "y": f"{y + offset[1]:.1f}"}
            shapes.append(element("text", where | {"text-anchor": "middle", "class": "label"}, str(point.layer)))
    return shapes


def _room(
    x: float, y: float, marks: Sequence[tuple[float, float]], taken: Sequence[tuple[float, float]]
) -> tuple[float, float] | None:
    """How far from a mark, in pixels, a label touches no mark, no label and no edge; None where there is no room."""
    for dx, dy in _OFFSETS:
        a, b = x + dx, y + dy
        inside = 0 < a < _WIDTH and b < _TOP + _HEIGHT + 2
        off_marks = all(abs(a - c) > 11 or abs(b - 4 - d) > 9 for c, d in marks)
        if inside and off_marks and all(abs(a - c) > 18 or abs(b - d) > 13 for c, d in taken):
            return dx, dy
    return None
