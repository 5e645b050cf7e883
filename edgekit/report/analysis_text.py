"""An analysis for a terminal: the layers that hurt in order, every choice of every layer, and what was found."""

from __future__ import annotations

from edgekit.compress.analysis.analysis import Analysis
from edgekit.compress.analysis.choice import Choice
from edgekit.compress.analysis.findings import findings
from edgekit.core.units import format_bytes, format_count
from edgekit.report.analysis_words import (
    HOW,
    SLOW_MARK,
    agreement_words,
    cost_words,
    db_words,
    divergence_words,
    effect_words,
    heading,
    samples_words,
    shown_name,
    together_words,
)
from edgekit.report.text import WIDTH, columns, pairs, safe
from edgekit.report.words import NO_VALUE

_HURTING = 10


def render_analysis(analysis: Analysis, title: str, width: int = WIDTH) -> str:
    """What `edgekit analyze` prints, without a trailing newline."""
    head = f"{safe(title)}\n{safe(samples_words(analysis))}"
    facts = [("cost", cost_words(analysis)), ("how", HOW)]
    notes = [("note", line) for line in findings(analysis)]
    parts = [head, pairs(facts, width), _choices(analysis), _hurting(analysis), pairs(notes, width)]
    return "\n\n".join(part for part in parts if part)


def _choices(analysis: Analysis) -> str:
    """Every layer with every choice, in the order in which they run."""
    tried = analysis.choices
    rows = [
        (
            str(place),
            safe(layer.kind),
            safe(shown_name(layer, 28)),
            format_bytes(layer.weight_bytes),
            format_count(layer.macs),
            str(len(layer.dead) or NO_VALUE),
            *(effect_words(layer.effect(choice)) for choice in tried),
        )
        for place, layer in enumerate(analysis.layers, 1)
    ]
    together = ("", "", "all together, about", "", "", "", *(together_words(analysis, choice) for choice in tried))
    head = ("#", "kind", "layer", "weights", "MACs", "dead", *map(heading, tried))
    table = columns(head, [*rows, together] if tried else rows, "><<>>>" + ">" * len(tried))
    slow = any(SLOW_MARK in cell for row in rows for cell in row[6:])
    legend = f"; {SLOW_MARK} the target has no fast kernel" if slow else ""
    return f"{table}\ndB of the outputs with that layer changed alone; {NO_VALUE} not runnable{legend}"


def _hurting(analysis: Analysis) -> str:
    """The layers that hurt most under the yardstick, and how much of their bytes it saves."""
    choice: Choice = analysis.yardstick
    places = {id(layer): place for place, layer in enumerate(analysis.layers, 1)}
    worst = analysis.hurting(choice)[:_HURTING]
    rows = []
    for layer in worst:
        effect = layer.effect(choice)
        if effect is not None:
            numbers = (db_words(effect.sqnr_db), agreement_words(effect), divergence_words(effect))
            saved = (format_bytes(effect.bytes_saved), format_bytes(effect.activation_bytes_saved))
            rows.append((str(places[id(layer)]), safe(shown_name(layer)), *numbers, *saved))
    if not rows:
        return ""
    head = ("#", f"hurts most as {choice.value}", "dB", "same class", "KL nats", "weights saved", "output saved")
    return columns(head, rows, "><>>>>>")
