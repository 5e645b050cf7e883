"""The report as one HTML file: no script, no network, nothing outside of it."""

from __future__ import annotations

from edgekit.core.units import format_bytes, format_count, format_us
from edgekit.measure.gates import Gate
from edgekit.report.chart import accuracy_chart, layers_chart, size_chart, worst_layers
from edgekit.report.device_words import marked
from edgekit.report.html_arena import arena_section
from edgekit.report.html_device import latency_section
from edgekit.report.html_page import VERDICT_MARKS, is_open, render_page
from edgekit.report.markup import (
    Column,
    Html,
    breakable,
    cards,
    element,
    facts,
    icon,
    join,
    notes,
    paragraph,
    scroll,
    section,
    state,
    table,
    titled,
)
from edgekit.report.model import Accuracy, LayerRow, Level, OperatorRow, PartFacts, Report, StepRow
from edgekit.report.text import shortened
from edgekit.report.words import (
    NO_VALUE,
    certainty_words,
    confidence_words,
    difference_words,
    fixed,
    gate_limit,
    gate_value,
    interval_words,
    number,
    percent,
    samples_words,
    size_share,
    size_words,
    sqnr_words,
    verdict_words,
    worth_words,
)

_LEVELS = {Level.RUNS: ("✓", "good"), Level.SLOW: ("!", "open"), Level.CANNOT: ("✕", "bad")}
_NOTHING = Html("")


def render_html(report: Report) -> str:
    """The page of one report."""
    return render_page(report.title, _header(report), join(_sections(report)))


def _header(report: Report) -> Html:
    items = (element("li", {}, element("a", {"href": f"#{anchor}"}, words)) for anchor, words in _contents(report))
    return element(
        "header",
        {},
        element("h1", {}, report.title),
        element("p", {"class": "under"}, f"target {report.target.name}"),
        _verdict(report),
        _cards(report),
        element("nav", {"aria-label": "Contents"}, element("ul", {}, *items)),
    )


def _verdict(report: Report) -> Html:
    look, mark = ("bad", "✕") if not report.passed else ("open", "?") if is_open(report) else ("good", "✓")
    words = verdict_words(report)
    return element("p", {"class": f"verdict {look}"}, icon(mark), f" {words[:1].upper()}{words[1:]}.")


def _cards(report: Report) -> Html:
    found = [("Size", format_bytes(report.size.after_bytes), f"{size_share(report.size)} of the original")]
    if report.accuracy:
        accuracy = report.accuracy
        value = f"{fixed(accuracy.after.value)} {accuracy.unit}".strip()
        found.append((accuracy.metric, value, f"{difference_words(accuracy)} on {samples_words(accuracy)}"))
    for measurement in report.measurements[:1]:
        if latency := measurement.latency:
            p90 = f"p90 {format_us(latency.p90_us)} on {measurement.device}"
            found.append(("Latency, median", format_us(latency.p50_us), marked(p90, measurement.conditions)))
        if (firmware := measurement.firmware) and firmware.instructions is not None:
            found.append(("Instructions", f"{firmware.instructions:,}", f"an inference on {measurement.device}"))
    if report.memory:
        peak = report.memory
        where = f"at {shortened(peak.at_operator)}"
        found.append(("Peak activations", format_bytes(peak.activation_peak_bytes), where))
    return cards(found)


def _contents(report: Report) -> list[tuple[str, str]]:
    every = [
        ("gates", "Gates", bool(report.gates)),
        ("size", "Size", True),
        ("accuracy", "Accuracy", report.accuracy is not None),
        ("layers", "Layers", bool(report.layers)),
        ("operators", "Operators", bool(report.operators)),
        ("parts", "In the bundle", bool(report.parts)),
        ("arena", "Memory over time", report.arena is not None),
        ("latency", "On the device", bool(report.measurements)),
        ("recipe", "Recipe", bool(report.steps)),
        ("import", "Import", report.import_check is not None),
        ("provenance", "Provenance", True),
    ]
    return [(anchor, words) for anchor, words, there in every if there]


def _sections(report: Report) -> list[Html]:
    return [
        _warnings(report),
        _gates(report.gates),
        _size(report),
        _accuracy(report.accuracy),
        _layers(report.layers),
        _operators(report.operators),
        _parts(report.parts),
        arena_section(report.arena),
        latency_section(report.measurements),
        _recipe(report.steps),
        _import(report),
        _provenance(report),
    ]


def _warnings(report: Report) -> Html:
    if not report.warnings:
        return _NOTHING
    return section("notes", "Worth knowing", notes(report.warnings))


def _gates(gates: tuple[Gate, ...]) -> Html:
    if not gates:
        return _NOTHING
    columns = (Column("Budget"), Column("Limit", True), Column("Value", True), Column("Verdict"))
    rows = [
        (
            titled(gate.title, gate.note),
            gate_limit(gate),
            gate_value(gate) if gate.value is not None else NO_VALUE,
            state(gate.verdict, *VERDICT_MARKS[gate.verdict]),
        )
        for gate in gates
    ]
    return section("gates", "Gates", table("Each budget and the number it was held against", columns, rows))


def _size(report: Report) -> Html:
    model = report.model
    pairs = [("Model", model.name)]
    pairs += [("Input", words) for words in model.inputs] + [("Output", words) for words in model.outputs]
    if model.parameters is not None:
        pairs.append(("Parameters", format_count(model.parameters)))
    if model.macs is not None:
        pairs.append(("Multiply-accumulates", format_count(model.macs)))
    if report.memory:
        peak = report.memory
        where = shortened(peak.at_operator)
        pairs.append(("Peak activations", f"{format_bytes(peak.activation_peak_bytes)} at {where}"))
    figure = element("figure", {}, element("figcaption", {}, f"{size_words(report.size)}."), size_chart(report.size))
    return section("size", "Size", figure, facts(pairs))


def _accuracy(accuracy: Accuracy | None) -> Html:
    if accuracy is None:
        return _NOTHING
    columns = (Column("Model"), Column(accuracy.metric, True), Column("Interval", True))
    rows = [
        ("before", f"{fixed(accuracy.before.value)} {accuracy.unit}".strip(), interval_words(accuracy.before)),
        ("after", f"{fixed(accuracy.after.value)} {accuracy.unit}".strip(), interval_words(accuracy.after)),
    ]
    caption = f"On {samples_words(accuracy)}; intervals hold with {confidence_words(accuracy)} confidence"
    parts = [
        paragraph(f"After minus before: {difference_words(accuracy)}. {certainty_words(accuracy)}"),
        element("figure", {}, element("figcaption", {}, "Points with their intervals"), accuracy_chart(accuracy)),
        table(caption, columns, rows),
        facts((f.label, f.value) for f in accuracy.others) if accuracy.others else _NOTHING,
    ]
    if accuracy.note:
        parts.append(paragraph(accuracy.note))
    return section("accuracy", "Accuracy", *parts)


def _layers(layers: tuple[LayerRow, ...]) -> Html:
    if not layers:
        return _NOTHING
    worst = (
        element("li", {}, element("code", {}, breakable(w.name)), f" {sqnr_words(w)}, {w.kind}")
        for w in worst_layers(layers)
    )
    caption = (
        "Signal to noise of each layer's output against the float model; higher is better, the lowest are numbered"
    )
    figure = element("figure", {}, element("figcaption", {}, caption), layers_chart(layers))
    every = element("details", {}, element("summary", {}, f"All {len(layers)} layers as a table"), _layer_table(layers))
    return section("layers", "Error by layer", figure, element("ol", {"class": "worst"}, *worst), every)


def _layer_table(layers: tuple[LayerRow, ...]) -> Html:
    columns = (
        Column("Layer"),
        Column("Signal to noise", True),
        Column("Largest error", True),
        Column("Cosine", True),
        Column("Clipped", True),
    )
    rows = [
        (
            titled(element("code", {}, breakable(layer.name)), breakable(layer.kind)),
            sqnr_words(layer),
            number(layer.max_abs, 3),
            fixed(layer.cosine, 4),
            NO_VALUE if layer.saturation is None else percent(layer.saturation, 1),
        )
        for layer in layers
    ]
    return scroll("Table of layers", table("Layers in the order in which they run", columns, rows))


def _operators(operators: tuple[OperatorRow, ...]) -> Html:
    if not operators:
        return _NOTHING
    columns = (
        Column("Operator"),
        Column("Count", True),
        Column("MACs", True),
        Column("Weights", True),
        Column("On target"),
    )
    rows = [
        (
            titled(breakable(row.kind), row.note),
            f"{row.count:,}",
            format_count(row.macs) if row.macs else NO_VALUE,
            format_bytes(row.weight_bytes) if row.weight_bytes else NO_VALUE,
            state(row.level.value, *_LEVELS[row.level]),
        )
        for row in operators
    ]
    return section(
        "operators", "Operators", table("Operators of the result, and how the target runs them", columns, rows)
    )


def _parts(parts: tuple[PartFacts, ...]) -> Html:
    """The folders beside the model, each in its numbers."""
    if not parts:
        return _NOTHING
    blocks: list[Html] = []
    for part in parts:
        blocks.append(element("h3", {}, *_folder(part), part.title))
        blocks += [facts((f.label, f.value) for f in part.facts)] if part.facts else []
        blocks += [notes(part.notes)] if part.notes else []
    return section("parts", "In the bundle, beside the model", *blocks)


def _folder(part: PartFacts) -> list[str]:
    return [element("code", {}, f"{part.folder}/"), " "] if part.folder else []


def _recipe(steps: tuple[StepRow, ...]) -> Html:
    if not steps:
        return _NOTHING
    return section("recipe", "Recipe", element("ol", {"class": "steps"}, *(_step(step) for step in steps)))


def _step(step: StepRow) -> Html:
    options = ", ".join(f"{f.label} = {f.value}" for f in step.options)
    parts: list[str] = [element("strong", {}, step.name), f" · {step.summary}" if step.summary else ""]
    if options:
        parts.append(join([element("br"), element("code", {"class": "quiet"}, options)]))
    if step.brought:
        parts.append(facts([(fact.label, fact.value) for fact in step.brought]))
    if step.not_worth:
        parts.append(notes([worth_words(step)]))
    return element("li", {}, *parts)


def _import(report: Report) -> Html:
    check = report.import_check
    if check is None:
        return _NOTHING
    words = (
        f"The imported model and the source framework ran on the same {check.sample_count:,} samples. "
        f"Largest difference {number(check.max_abs_difference, 3)}, relative {number(check.max_rel_difference, 3)}."
    )
    if check.max_abs_difference is None:
        words = "The source is what runs, so there is nothing to compare it with."
    pairs = facts([("Importer", check.importer), ("Source", check.source)])
    return section("import", "Import", paragraph(words), pairs, notes(check.notes))


def _provenance(report: Report) -> Html:
    pairs = [("Target", report.target.name), *((f.label, f.value) for f in (*report.target.facts, *report.provenance))]
    return section("provenance", "Provenance", facts(pairs))
