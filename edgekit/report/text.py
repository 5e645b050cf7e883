"""The report for a terminal: tables of plain text, coloured only where it is told so."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgekit.core.units import format_bytes, format_count, format_us
from edgekit.measure.gates import Gate
from edgekit.measure.measurement import Firmware, Measurement
from edgekit.measure.ratio import VERDICTS, Versus
from edgekit.report.chart import worst_layers
from edgekit.report.device_words import (
    device_words,
    emulated_words,
    launches_words,
    p90_words,
    placement_words,
    power_words,
    task_words,
    throttled_words,
)
from edgekit.report.firmware_words import between_words, firmware_pairs, most_counted
from edgekit.report.model import Index, Level, PartFacts, Report, StepRow
from edgekit.report.words import (
    NO_VALUE,
    certainty_words,
    difference_words,
    fixed,
    gate_limit,
    gate_value,
    latency_words,
    median_words,
    number,
    parity_words,
    runs_words,
    samples_words,
    score_words,
    size_words,
    sqnr_words,
    verdict_words,
    worth_words,
)

_COLOURS = {
    "pass": "32",
    "fail": "31",
    "not measured": "33",
    "not judged": "33",
    "runs": "32",
    "slow": "33",
    "cannot": "31",
}
_NAME_WIDTH = 44
WIDTH = 100
_NARROWEST = 30


@dataclass(frozen=True, slots=True)
class Paint:
    """Whether words that stand for a state get their colour."""

    on: bool = False

    def __call__(self, words: str, state: str) -> str:
        """`words` in the colour of `state`."""
        return f"\x1b[{_COLOURS[state]}m{words}\x1b[0m" if self.on and state in _COLOURS else words


def render_text(report: Report, colour: bool = False, width: int = WIDTH) -> str:
    """The report without a trailing newline; sentences are wrapped at `width` columns, tables are not."""
    paint = Paint(colour)
    parts = [
        _head(report, paint),
        _summary(report, width),
        _steps(report.steps, width),
        *(_measurement_table(m, width) for m in report.measurements),
        _layers(report),
        _operators(report, paint, width),
        *(_part(part, width) for part in report.parts),
        gates_table(report.gates, paint),
        pairs([("note", warning) for warning in report.warnings], width),
    ]
    return "\n\n".join(part for part in parts if part)


def _steps(steps: Sequence[StepRow], width: int) -> str:
    """What each step of the recipe brought, and why it was left out if it was."""
    rows = []
    for step in steps:
        brought = "; ".join(f"{fact.label} {fact.value}" for fact in step.brought)
        words = [*([brought] if brought else []), *([worth_words(step)] if step.not_worth else [])]
        rows.append((step.name, " ".join(words)))
    return pairs([row for row in rows if row[1]], width)


def render_measurement(
    measurement: Measurement, gates: tuple[Gate, ...], colour: bool = False, width: int = WIDTH
) -> str:
    """What `edgekit check` prints: the measurement and the gates that it was held against."""
    parts = [_measurement_table(measurement, width), profile_table(measurement), gates_table(gates, Paint(colour))]
    return "\n\n".join(part for part in parts if part)


def render_targets(index: Index, colour: bool = False, width: int = WIDTH) -> str:
    """One line for each target of a build, and what its bundle lacks."""
    paint = Paint(colour)
    rows = []
    for report in (entry.report for entry in index.entries):
        state = "fail" if not report.passed else "not measured" if not report.gates or report.unmeasured else "pass"
        accuracy = score_words(report.accuracy.after, report.accuracy.unit) if report.accuracy else NO_VALUE
        p90 = p90_words(report.measurements)
        size = format_bytes(report.size.after_bytes)
        rows.append((safe(report.target.name), size, safe(accuracy), p90, paint(safe(verdict_words(report)), state)))
    table = columns(("target", "size", "accuracy", "p90", "gates"), rows, "<>>><")
    reports = [entry.report for entry in index.entries]
    remarks = [(r.target.name, note) for r in reports for part in r.parts for note in part.notes]
    return f"{table}\n{pairs(remarks, width)}".rstrip()


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], sides: str) -> str:
    """A table with two spaces between columns; `sides` has `<` or `>` for each column."""
    lines = [head, *rows]
    widths = [max(columns_of(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join("  ".join(map(_padded, line, widths, sides)).rstrip() for line in lines)


def columns_of(text: str) -> int:
    """Columns of a terminal that `text` takes: no colour codes, two for wide characters, none for combining ones."""
    total, inside = 0, False
    for character in text:
        if character == "\x1b" or inside:
            inside = character != "m"
            continue
        if not unicodedata.combining(character):
            total += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return total


def safe(text: str) -> str:
    """`text` from a model without what would move the cursor or change the colour of a terminal."""
    return "".join(c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in text)


def shortened(text: str, limit: int = _NAME_WIDTH) -> str:
    """The end of a long name, which tells more than its beginning."""
    clean = safe(text)
    return clean if len(clean) <= limit else "…" + clean[-(limit - 1) :]


def _padded(cell: str, space: int, side: str) -> str:
    gap = " " * (space - columns_of(cell))
    return gap + cell if side == ">" else cell + gap


def _head(report: Report, paint: Paint) -> str:
    state = "fail" if not report.passed else "not measured" if not report.gates or report.unmeasured else "pass"
    return f"{safe(report.title)}\n{paint(safe(verdict_words(report)), state)}"


def _summary(report: Report, width: int) -> str:
    rows = [("size", size_words(report.size))]
    if accuracy := report.accuracy:
        rows.append((accuracy.metric, f"{score_words(accuracy.before, accuracy.unit)} before"))
        rows.append(("", f"{score_words(accuracy.after, accuracy.unit)} after, on {samples_words(accuracy)}"))
        rows.append(("difference", difference_words(accuracy)))
        rows.append(("", certainty_words(accuracy)))
        rows += [(fact.label, fact.value) for fact in accuracy.others]
    if memory := report.memory:
        peak = f"{format_bytes(memory.activation_peak_bytes)} at {shortened(memory.at_operator)}"
        rows.append(("peak activations", peak))
    if check := report.import_check:
        rows.append(("import", f"{safe(check.importer)}, largest difference {number(check.max_abs_difference, 3)}"))
    return pairs(rows, width)


def pairs(rows: Sequence[tuple[str, str]], width: int) -> str:
    """Labels on the left, words on the right and wrapped there."""
    space = max((len(label) for label, _ in rows), default=0) + 2
    lines: list[str] = []
    for label, words in rows:
        wrapped = textwrap.wrap(safe(words), max(width - space, _NARROWEST)) or [""]
        lines += [f"{safe(name):<{space}}{line}".rstrip() for name, line in zip(_once(label), wrapped, strict=False)]
    return "\n".join(lines)


def _once(label: str) -> Iterator[str]:
    yield label
    while True:
        yield ""


def _measurement_table(measurement: Measurement, width: int) -> str:
    conditions = measurement.conditions
    rows = [
        ("device", f"{measurement.device}, {device_words(conditions)}"),
        ("", emulated_words(conditions)),
        ("measured", measurement.scope),
        *_times(measurement),
    ]
    if firmware := measurement.firmware:
        rows += firmware_pairs(firmware)
    if memory := measurement.memory:
        rows.append(("peak memory", f"{format_bytes(memory.peak_bytes)}, {memory.includes}"))
    rows.append(("placement", placement_words(measurement.placement)))
    if power := measurement.power:
        rows += [("energy", power_words(power)), ("", power.how)]
    rows.append(("throttled", throttled_words(conditions)))
    if measurement.noise and measurement.noise.words:
        rows.append(("disturbed", measurement.noise.words))
    if measurement.task:
        rows.append(("accuracy", task_words(measurement.task)))
    rows.append(("parity", parity_words(measurement.parity)))
    rows += [("note", warning) for warning in measurement.warnings]
    return pairs([row for row in rows if row[1]], width)


def _times(measurement: Measurement) -> list[tuple[str, str]]:
    latency = measurement.latency
    rows = []
    if latency is not None:
        rows = [
            ("latency", f"{latency_words(latency)} ({runs_words(latency)})"),
            ("", launches_words(measurement)),
            ("median", median_words(latency)),
            ("", latency.steady_note),
        ]
    if measurement.init_us is not None:
        rows.append(("loading", format_us(measurement.init_us)))
    if measurement.first_inference_us is not None:
        rows.append(("first inference", format_us(measurement.first_inference_us)))
    return rows


def render_versus(versus: Versus, width: int = WIDTH) -> str:
    """What `edgekit check --against` prints: both medians, their ratio with its interval, and what that allows."""
    interval = NO_VALUE
    if versus.low is not None and versus.high is not None:
        interval = f"{fixed(versus.low, 3)} to {fixed(versus.high, 3)} (95 %)"
    rows = [
        ("device", f"{versus.device}, {versus.conditions.board or versus.conditions.cpu}"),
        ("", emulated_words(versus.conditions)),
        ("A", f"median {format_us(versus.p50_a_us)}"),
        ("B", f"median {format_us(versus.p50_b_us)}"),
        ("A / B", f"{fixed(versus.ratio, 3)}, {interval}"),
        ("verdict", VERDICTS[versus.verdict]),
        ("how", f"{versus.block_count} blocks: {versus.how}"),
        ("throttled", throttled_words(versus.conditions)),
    ]
    return pairs([row for row in rows if row[1]], width)


def profile_table(measurement: Measurement, limit: int = 10) -> str:
    """The operators that take the most time, slowest first, or why there are none."""
    profile = measurement.profile
    if measurement.firmware is not None and measurement.firmware.layers:
        return _counts(measurement.firmware, limit)
    if not profile.operators:
        return safe(profile.note)
    total = sum(o.time_us for o in profile.operators)
    slowest = sorted(profile.operators, key=lambda o: -o.time_us)[:limit]
    rows = [
        (shortened(o.name), shortened(o.kind), safe(o.ran_in), format_us(o.time_us), f"{_share(o.time_us, total)}")
        for o in slowest
    ]
    table = columns(("operator", "kind", "ran in", "time", "share"), rows, "<<<>>")
    emulated = emulated_words(measurement.conditions)
    note = f"{profile.note} {emulated[:1].upper()}{emulated[1:]}." if emulated else profile.note
    return f"{table}\n{len(slowest)} of {len(profile.operators)} operators. {safe(note)}"


def _counts(firmware: Firmware, limit: int) -> str:
    """The layers that take the most instructions."""
    total = sum(layer.instructions for layer in firmware.layers)
    rows = [
        (shortened(layer.name), shortened(layer.kind), f"{layer.instructions:,}", _share(layer.instructions, total))
        for layer in most_counted(firmware, limit)
    ]
    table = columns(("layer", "kind", "instructions", "share"), rows, "<<>>")
    counted = f"{firmware.counted[:1].upper()}{firmware.counted[1:]}"
    between = f" {between_words(firmware)}." if between_words(firmware) else ""
    return f"{table}\n{len(rows)} of {len(firmware.layers)} layers.{between} {counted}."


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f} %" if whole else NO_VALUE


def _part(part: PartFacts, width: int) -> str:
    """A folder of the bundle, in its numbers."""
    rows = [(fact.label, fact.value) for fact in part.facts] + [("note", note) for note in part.notes]
    head = f"{safe(part.folder)}/ for {safe(part.title)}" if part.folder else safe(part.title)
    return f"{head}\n{pairs(rows, width)}".rstrip()


def _layers(report: Report) -> str:
    worst = worst_layers(report.layers)
    if not worst:
        return ""
    rows = [(shortened(layer.name), safe(layer.kind), sqnr_words(layer)) for layer in worst]
    table = columns(("most error", "kind", "signal to noise"), rows, "<<>")
    return f"{table}\n{len(worst)} of {len(report.layers)} layers"


def _operators(report: Report, paint: Paint, width: int) -> str:
    if not report.operators:
        return ""
    rows = [
        (
            safe(row.kind),
            f"{row.count:,}",
            format_count(row.macs) if row.macs else NO_VALUE,
            format_bytes(row.weight_bytes) if row.weight_bytes else NO_VALUE,
            paint(row.level.value, row.level.value),
        )
        for row in report.operators
    ]
    table = columns(("operator", "count", "MACs", "weights", "on target"), rows, "<>>><")
    remarks = [(row.kind, row.note) for row in report.operators if row.note and row.level is not Level.RUNS]
    return f"{table}\n{pairs(remarks, width)}".rstrip()


def gates_table(gates: tuple[Gate, ...], paint: Paint) -> str:
    """Each gate with its limit, its number and its verdict; empty where there are none."""
    if not gates:
        return ""
    rows = [(safe(g.title), safe(gate_limit(g)), _gate_value(g), paint(g.verdict, g.verdict)) for g in gates]
    return columns(("gate", "limit", "value", "verdict"), rows, "<>><")


def _gate_value(gate: Gate) -> str:
    return NO_VALUE if gate.value is None else safe(gate_value(gate))
