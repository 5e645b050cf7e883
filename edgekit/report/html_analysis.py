"""An analysis as one HTML file: sensitivity against saving as a picture, every number as a table."""

from __future__ import annotations

from edgekit.compress.analysis.analysis import Analysis, Layer
from edgekit.compress.analysis.choice import Choice
from edgekit.compress.analysis.findings import findings
from edgekit.core.units import format_bytes, format_count
from edgekit.report.analysis_chart import bits_chart, cuts_chart
from edgekit.report.analysis_words import (
    HOW,
    SLOW_MARK,
    agreement_words,
    cost_words,
    db_words,
    divergence_words,
    effect_words,
    grid_words,
    heading,
    range_words,
    ratio_words,
    samples_words,
    saved_macs_words,
    shown_name,
    together_words,
)
from edgekit.report.html_page import render_page
from edgekit.report.markup import (
    Column,
    Html,
    breakable,
    cards,
    element,
    join,
    notes,
    paragraph,
    scroll,
    section,
    table,
    titled,
)
from edgekit.report.words import NO_VALUE, fixed, percent


def render_analysis_html(analysis: Analysis, title: str) -> str:
    """The page of one analysis."""
    parts = (_found, _picture, _hurting, _choices, _savings, _ranges)
    body = [part(analysis) for part in parts]
    return render_page(title, _header(analysis, title), join(body))


def _header(analysis: Analysis, title: str) -> Html:
    links = [("found", "Worth knowing")] if findings(analysis) else []
    links += [("picture", "Sensitivity against saving"), ("hurting", "What hurts most"), ("choices", "Every choice"),
              ("savings", "What is saved"),
              ("ranges", "Ranges")]  # fmt: skip
    items = (element("li", {}, element("a", {"href": f"#{anchor}"}, words)) for anchor, words in links)
    return element(
        "header",
        {},
        element("h1", {}, title),
        element("p", {"class": "under"}, samples_words(analysis)),
        paragraph(HOW),
        cards(_cards(analysis)),
        element("nav", {"aria-label": "Contents"}, element("ul", {}, *items)),
    )


def _cards(analysis: Analysis) -> list[tuple[str, str, str]]:
    choice = analysis.yardstick
    found = [("Model", format_bytes(analysis.weight_bytes), f"of weights, {format_count(analysis.macs)} MACs")]
    if worst := analysis.hurting(choice):
        place = analysis.layers.index(worst[0]) + 1
        name = f"layer {place}, {shown_name(worst[0])}"
        found.append((f"Hurts most as {choice.value}", f"{db_words(worst[0].sqnr_db(choice))} dB", name))
    dead = sum(len(layer.dead) for layer in analysis.layers)
    total = sum(layer.channels for layer in analysis.layers)
    found.append(("Dead channels", f"{dead:,}", f"of {total:,} output channels"))
    found.append(("Cost", fixed(analysis.passes_per_layer, 1), "forward passes for each layer"))
    return found


def _found(analysis: Analysis) -> Html:
    lines = findings(analysis)
    return section("found", "Worth knowing", notes(lines)) if lines else Html("")


def _picture(analysis: Analysis) -> Html:
    figures = [
        element("figure", {}, element("figcaption", {}, caption), chart)
        for caption, chart in (
            ("Fewer bits. The upper right is where much is saved and little lost; numbers are layers.",
             bits_chart(analysis)),
            ("Fewer output channels, the least important ones set to zero and nothing refitted behind them.",
             cuts_chart(analysis)),
        )
        if chart
    ]  # fmt: skip
    return section("picture", "Sensitivity against saving", *figures)


def _hurting(analysis: Analysis) -> Html:
    choice = analysis.yardstick
    columns = (Column("Layer"), Column("dB", True), Column("Same class", True), Column("KL, nats", True),
               Column("Saves", True))  # fmt: skip
    rows = []
    for layer in analysis.hurting(choice):
        effect = layer.effect(choice)
        if effect is not None:
            rows.append((_named(analysis, layer), effect_words(effect), agreement_words(effect),
                         divergence_words(effect), format_bytes(effect.bytes_saved)))  # fmt: skip
    shown = table(f"Each layer alone as {choice.value}, the one that hurts most first", columns, rows)
    return section("hurting", "What hurts most", scroll("Table of the layers that hurt", shown))


def _choices(analysis: Analysis) -> Html:
    tried = analysis.choices
    columns = (
        Column("Layer"),
        Column("Weights", True),
        Column("MACs", True),
        *(Column(heading(c), True) for c in tried),
    )
    rows = [
        (_named(analysis, layer), format_bytes(layer.weight_bytes), format_count(layer.macs),
         *(effect_words(layer.effect(choice)) for choice in tried))
        for layer in analysis.layers
    ]  # fmt: skip
    if tried:
        rows.append(("All together, about", "", "", *(together_words(analysis, choice) for choice in tried)))
    caption = (
        f"Signal to noise of the outputs in dB; {SLOW_MARK} the target has no fast kernel, {NO_VALUE} it cannot run it"
    )
    shown = table(caption, columns, rows)
    cost = paragraph(f"Cost: {cost_words(analysis)}.")
    return section("choices", "Every choice", cost, scroll("Table of choices", shown))


def _savings(analysis: Analysis) -> Html:
    tried = analysis.choices
    columns = (Column("Layer"), Column("Output", True), *(Column(heading(choice), True) for choice in tried))
    rows = [
        (
            _named(analysis, layer),
            titled(format_bytes(layer.output_bytes), "at the peak" if layer.at_peak else ""),
            *(_saved(layer, choice) for choice in tried),
        )
        for layer in analysis.layers
    ]
    caption = (
        "Bytes of weights and, below, multiply-accumulates that each choice saves; cuts count the layers that read "
        "what is gone. The output, float here, shrinks to a half at int16x8, to a quarter at int8 and int4, and with "
        "a cut"
    )
    return section("savings", "What is saved", scroll("Table of savings", table(caption, columns, rows)))


def _saved(layer: Layer, choice: Choice) -> str:
    effect = layer.effect(choice)
    if effect is None or effect.sqnr_db is None:
        return NO_VALUE
    return titled(format_bytes(effect.bytes_saved), saved_macs_words(effect))


def _ranges(analysis: Analysis) -> Html:
    columns = (Column("Layer"), Column("Input"), Column("Output"), Column("Weights"),
               Column("Peak to RMS", True), Column("Channel ratio", True), Column("Dead", True))  # fmt: skip
    rows = [
        (
            _named(analysis, layer),
            titled(range_words(layer.input_facts), grid_words(layer.input_facts)),
            titled(range_words(layer.output_facts), grid_words(layer.output_facts)),
            range_words(layer.weight_facts),
            ratio_words(layer.weight_facts.peak_to_rms),
            ratio_words(layer.weight_facts.channel_ratio),
            percent(len(layer.dead), layer.channels) if layer.dead else NO_VALUE,
        )
        for layer in analysis.layers
    ]
    caption = (
        "What inputs, outputs and weights hold; below, the int8 grid of an activation and what it cuts off. Peak to "
        "RMS and channel ratio (widest over median channel) are of the weights"
    )
    return section("ranges", "Ranges", scroll("Table of ranges", table(caption, columns, rows)))


def _named(analysis: Analysis, layer: Layer) -> Html:
    place = next(i for i, other in enumerate(analysis.layers, 1) if other is layer)
    return titled(element("code", {}, f"{place} ", breakable(shown_name(layer))), layer.kind)
