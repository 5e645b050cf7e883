"""Charts as inline SVG.

Horizontal places are in percent, vertical ones and text in pixels, so that text keeps its size on a phone. Each has a
title and a description for those who cannot see it, and its numbers are in a table next to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgekit.core.units import format_bytes, format_us
from edgekit.measure.measurement import Latency
from edgekit.report.markup import Html, element, escape
from edgekit.report.model import Accuracy, LayerRow, Score, Size
from edgekit.report.words import fixed, number, percent, sqnr_words

WORST_COUNT = 3


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart is called (`anchor` is unique on the page), what it shows, and how high it is in pixels."""

    anchor: str
    title: str
    description: str
    height: int
    axis: bool = False

    def draw(self, *shapes: str) -> Html:
        """The SVG with `shapes` in it."""
        names = f"{self.anchor}-title {self.anchor}-text"
        look = {"class": "axis"} if self.axis else {}
        return element(
            "svg",
            {"role": "img", "aria-labelledby": names, "height": str(self.height)} | look,
            element("title", {"id": f"{self.anchor}-title"}, self.title),
            element("desc", {"id": f"{self.anchor}-text"}, self.description),
            *shapes,
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale from `low`..`high` to 0..`span`."""

    low: float
    high: float
    span: float = 100.0

    def at(self, value: float) -> float:
        """The place of `value`, kept inside the scale."""
        place = (value - self.low) / (self.high - self.low) * self.span
        return min(max(place, 0.0), self.span)


def ticks(low: float, high: float, count: int = 5) -> tuple[float, ...]:
    """About `count` round values (1, 2 or 5 times a power of ten apart) within `low`..`high`."""
    rough = (high - low) / max(count, 1)
    if not (rough > 0 and math.isfinite(rough)):
        return (low,)
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return tuple(i * step for i in range(first, math.floor(high / step + 1e-9) + 1))


def words_at(words: str, x: str, y: float, look: str = "", anchor: str = "start") -> Html:
    """Text whose baseline begins, or has its middle or end, at (`x` as SVG takes it, pixels down)."""
    kind = {"class": look} if look else {}
    return element("text", {"x": x, "y": _px(y), "text-anchor": anchor} | kind, words)


def line(x: tuple[float, float], y: tuple[float, float], look: str) -> Html:
    """A line in percent across and pixels down."""
    places = {"x1": percent_place(x[0]), "y1": _px(y[0]), "x2": percent_place(x[1]), "y2": _px(y[1])}
    return element("line", places | {"class": look})


def box(x: float, y: float, size: tuple[float, float], look: str, hint: str = "") -> Html:
    """A filled box at (percent, pixels) of a size in (percent, pixels)."""
    places = (
        f'x="{percent_place(x)}" y="{_px(y)}" width="{percent_place(size[0])}" height="{_px(size[1])}" class="{look}"'
    )
    return Html(f"<rect {places}><title>{escape(hint)}</title></rect>" if hint else f"<rect {places}/>")


def percent_place(value: float) -> str:
    """A place or length across, as SVG takes it."""
    return f"{value:.4g}%"


def _px(value: float) -> str:
    return f"{value:.5g}"


def size_chart(size: Size) -> Html:
    """Two bars from the same base: the original and the result."""
    most = max(size.before_bytes, size.after_bytes, 1)
    shapes = []
    for row, (name, count) in enumerate((("before", size.before_bytes), ("after", size.after_bytes))):
        top = 44 * row
        note = "" if name == "before" else f" · {percent(size.after_bytes, size.before_bytes)}"
        shapes.append(words_at(f"{name} · {format_bytes(count)}{note}", "0", top + 12, "strong"))
        shapes.append(box(0, top + 19, (max(100 * count / most, 0.3), 14), name))
    described = f"Before {format_bytes(size.before_bytes)}, after {format_bytes(size.after_bytes)}."
    return Chart("size-chart", "Size before and after", described, 80).draw(*shapes)


def accuracy_chart(accuracy: Accuracy) -> Html:
    """Two points with their intervals on one scale."""
    low, high = _accuracy_range(accuracy)
    scale = Scale(low, high)
    shapes = [line((scale.at(t), scale.at(t)), (0, 92), "grid") for t in ticks(low, high, 4)]
    shapes += [words_at(number(t), percent_place(scale.at(t)), 108, anchor="middle") for t in ticks(low, high, 4)]
    for row, (name, score) in enumerate((("before", accuracy.before), ("after", accuracy.after))):
        shapes += _score(name, score, scale, 44 * row, accuracy.unit)
    described = (
        f"{accuracy.metric} before {_described(accuracy.before, accuracy.unit)}, "
        f"after {_described(accuracy.after, accuracy.unit)}."
    )
    return Chart("accuracy-chart", f"{accuracy.metric} before and after", described, 112).draw(*shapes)


def _score(name: str, score: Score, scale: Scale, top: float, unit: str) -> list[Html]:
    middle = top + 28
    place = {"cx": percent_place(scale.at(score.value)), "cy": _px(middle), "r": "6", "class": name}
    shapes = [words_at(f"{name} · {fixed(score.value)} {unit}".rstrip(), "0", top + 12, "strong")]
    if score.low is not None and score.high is not None:
        shapes.append(line((scale.at(score.low), scale.at(score.high)), (middle, middle), f"span {name}"))
    return [*shapes, element("circle", place)]


def _accuracy_range(accuracy: Accuracy) -> tuple[float, float]:
    """The two scores with their intervals, and some air around them."""
    values = [v for s in (accuracy.before, accuracy.after) for v in (s.value, s.low, s.high) if v is not None]
    air = max((max(values) - min(values)) * 0.15, abs(max(values)) * 0.005, 1e-6)
    return min(values) - air, max(values) + air


def _described(score: Score, unit: str) -> str:
    words = f"{fixed(score.value)} {unit}".rstrip()
    if score.low is None or score.high is None:
        return words
    return f"{words}, between {fixed(score.low)} and {fixed(score.high)}"


def worst_layers(layers: Sequence[LayerRow]) -> tuple[LayerRow, ...]:
    """The layers with the most error, worst first."""
    measured = [layer for layer in layers if layer.sqnr_db is not None]
    return tuple(sorted(measured, key=lambda layer: layer.sqnr_db or 0.0)[:WORST_COUNT])


def layers_chart(layers: Sequence[LayerRow]) -> Html:
    """A column for each layer, in the order in which they run; the worst are numbered."""
    values = [layer.sqnr_db for layer in layers if layer.sqnr_db is not None]
    top, height = 22.0, 150.0
    low, high = min([0.0, *values]), max([20.0, *values])
    scale = Scale(low, high * 1.05, height)
    shapes = []
    for tick in ticks(low, high, 4):
        y = top + height - scale.at(tick)
        shapes += [
            line((0, 100), (y, y), "base" if tick == 0 else "grid"),
            words_at(number(tick), "-8", y + 4, "", "end"),
        ]
    shapes += _columns(layers, scale, top)
    shapes += [words_at("dB", "-8", 10, "", "end"), words_at("first layer", "0", top + height + 18)]
    shapes.append(words_at("last layer", "100%", top + height + 18, "", "end"))
    worst = worst_layers(layers)
    named = "; ".join(f"{layer.name} {sqnr_words(layer)}" for layer in worst)
    described = f"{len(layers)} layers in the order in which they run. Most error: {named or 'none'}."
    title = "Signal to noise of each layer's output, higher is better"
    return Chart("layers-chart", title, described, int(top + height + 24), axis=True).draw(*shapes)


def _columns(layers: Sequence[LayerRow], scale: Scale, top: float) -> list[Html]:
    worst = worst_layers(layers)
    pitch = 100 / len(layers)
    width = min(pitch * 0.72, 6.0)
    shapes = []
    for i, layer in enumerate(layers):
        level = scale.span if layer.sqnr_db is None else max(scale.at(layer.sqnr_db), 2.0)
        x, y = (i + 0.5) * pitch, top + scale.span - level
        rank = next((k for k, w in enumerate(worst, 1) if w is layer), 0)
        look = "worst" if rank else "before" if layer.sqnr_db is None else "after"
        shapes.append(box(x - width / 2, y, (width, level), look, f"{layer.name}: {sqnr_words(layer)}"))
        if rank:
            shapes.append(words_at(str(rank), percent_place(x), y - 5, "strong", "middle"))
    return shapes


def latency_chart(latency: Latency, anchor: str) -> Html:
    """The histogram of latencies without the far outliers, with the median and the 90th percentile marked."""
    bins = latency.histogram
    top, height = 34.0, 110.0
    base = top + height
    most = max((*bins.counts, 1))
    pitch = 100 / len(bins.counts)
    shapes = [
        box(i * pitch, base - height * c / most, (pitch * 0.9, height * c / most), "after", f"{c} runs")
        for i, c in enumerate(bins.counts)
        if c
    ]
    shapes.append(line((0, 100), (base, base), "base"))
    if bins.high > bins.low:
        shapes += _latency_marks(latency, base)
    described = (
        f"{latency.count} runs, most often near {format_us(_mode(latency))}; median {format_us(latency.p50_us)}, "
        f"90th percentile {format_us(latency.p90_us)}, 99th percentile {format_us(latency.p99_us)}."
    )
    return Chart(anchor, "How often each latency was seen", described, int(base + 22)).draw(*shapes)


def _latency_marks(latency: Latency, base: float) -> list[Html]:
    bins = latency.histogram
    scale = Scale(bins.low, bins.high)
    shapes = [
        words_at(format_us(bins.low), "0", base + 17),
        words_at(format_us(bins.high), "100%", base + 17, "", "end"),
    ]
    for row, (name, value) in enumerate((("p50", latency.p50_us), ("p90", latency.p90_us))):
        x, y = scale.at(value), 11 + 15 * row
        side = "start" if x < 50 else "end"
        shapes.append(line((x, x), (y + 3, base), "mark"))
        gap = "\N{NO-BREAK SPACE}"
        label = f"{name} {format_us(value)}"
        shapes.append(words_at(gap + label if side == "start" else label + gap, percent_place(x), y, "strong", side))
    return shapes


def _mode(latency: Latency) -> float:
    bins = latency.histogram
    fullest = max(range(len(bins.counts)), key=lambda i: bins.counts[i])
    return bins.low + (fullest + 0.5) * (bins.high - bins.low) / len(bins.counts)
