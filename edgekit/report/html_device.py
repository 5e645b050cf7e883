"""The part of the page that tells what devices did."""

from __future__ import annotations

from edgekit.core.units import format_bytes, format_us
from edgekit.measure.measurement import Latency, Measurement, OperatorTime
from edgekit.report.chart import latency_chart
from edgekit.report.device_words import (
    clock_words,
    device_words,
    emulated_words,
    launches_words,
    noise_words,
    placement_words,
    power_words,
    task_words,
    temperature_words,
    throttled_words,
)
from edgekit.report.firmware_words import between_words, firmware_pairs, most_counted
from edgekit.report.markup import (
    Column,
    Html,
    breakable,
    element,
    facts,
    join,
    paragraph,
    section,
    state,
    table,
    titled,
)
from edgekit.report.words import NO_VALUE, fixed, median_words, parity_words, percent, runs_words

_SHOWN = 12
_NOTHING = Html("")


def latency_section(measurements: tuple[Measurement, ...]) -> Html:
    """What each device did, one part for each."""
    if not measurements:
        return _NOTHING
    parts = [part for i, m in enumerate(measurements) for part in _measured(m, i)]
    return section("latency", "On the device", *parts)


def _measured(measurement: Measurement, index: int) -> list[Html]:
    note = f"{measurement.latency.steady_note}. " if measurement.latency else ""
    return [
        element("h3", {}, f"{measurement.device}: {device_words(measurement.conditions)}"),
        _emulated(measurement),
        paragraph(f"{note[:1].upper()}{note[1:]}Parity: {parity_words(measurement.parity)}."),
        _histogram(measurement.latency, index),
        _numbers(measurement),
        _counts(measurement),
        paragraph(f"Placement: {placement_words(measurement.placement)}."),
        _profile(measurement),
        _conditions(measurement),
    ]


def _histogram(latency: Latency | None, index: int) -> Html:
    if latency is None or len(latency.histogram.counts) < 2:
        return _NOTHING
    above = f"; {latency.histogram.above} far longer ones are left out" if latency.histogram.above else ""
    caption = f"Time of one inference, {runs_words(latency)}{above}"
    chart = latency_chart(latency, f"latency-chart-{index}")
    return element("figure", {}, element("figcaption", {}, caption), chart)


def _emulated(measurement: Measurement) -> Html:
    """A line in front of everything that an emulated device tells."""
    words = emulated_words(measurement.conditions)
    return element("p", {}, state(f"{words[:1].upper()}{words[1:]}.", "?", "open")) if words else _NOTHING


def _numbers(measurement: Measurement) -> Html:
    rows = _times(measurement)
    if launches := launches_words(measurement):
        rows.insert(2, ("launches", launches))
    if measurement.firmware:
        rows += firmware_pairs(measurement.firmware)
    if measurement.power:
        rows.append(("energy", power_words(measurement.power)))
    if measurement.task:
        rows.append(("accuracy on the device", task_words(measurement.task)))
    if measurement.memory:
        rows.append(("peak memory", f"{format_bytes(measurement.memory.peak_bytes)}, {measurement.memory.includes}"))
    return table(f"Latency and memory on {measurement.device}", (Column("What"), Column("Value")), rows)


def _times(measurement: Measurement) -> list[tuple[str, str]]:
    latency, rows = measurement.latency, []
    if latency is not None:
        rows = [
            ("median", median_words(latency)),
            ("90th percentile", format_us(latency.p90_us)),
            ("99th percentile", format_us(latency.p99_us)),
            ("fastest and slowest", f"{format_us(latency.min_us)} and {format_us(latency.max_us)}"),
        ]
    if measurement.init_us is not None:
        rows.append(("loading the model", format_us(measurement.init_us)))
    if measurement.first_inference_us is not None:
        rows.append(("first inference", format_us(measurement.first_inference_us)))
    return rows


def _counts(measurement: Measurement) -> Html:
    """Where the instructions of a microcontroller go."""
    firmware = measurement.firmware
    if firmware is None or not firmware.layers:
        return _NOTHING
    total = sum(layer.instructions for layer in firmware.layers)
    shown = most_counted(firmware, _SHOWN)
    rows = [
        (
            titled(element("code", {}, breakable(layer.name)), breakable(layer.kind)),
            f"{layer.instructions:,}",
            _share(layer.instructions, total),
        )
        for layer in shown
    ]
    caption = f"Where the instructions go: {len(shown)} of {len(firmware.layers)} layers, the most first"
    caption += f". {between_words(firmware)}" if between_words(firmware) else ""
    return table(caption, (Column("Layer"), Column("Instructions", True), Column("Share")), rows)


def _profile(measurement: Measurement) -> Html:
    profile = measurement.profile
    if not profile.operators:
        return element("p", {"class": "quiet"}, profile.note) if profile.note else _NOTHING
    total = sum(o.time_us for o in profile.operators)
    slowest = sorted(profile.operators, key=lambda o: -o.time_us)[:_SHOWN]
    columns = (Column("Operator"), Column("Time", True), Column("Share"))
    rows = [(_operator(o), format_us(o.time_us), _share(o.time_us, total)) for o in slowest]
    caption = (
        f"Where the time goes: {len(slowest)} of {len(profile.operators)} operators, slowest first. {profile.note}"
    )
    return table(caption, columns, rows)


def _operator(operator: OperatorTime) -> Html:
    where = f"{operator.kind}, {operator.ran_in}" if operator.ran_in else operator.kind
    return titled(element("code", {}, breakable(operator.name)), breakable(where))


def _share(part: float, whole: float) -> Html:
    width = f"width:{100 * part / whole if whole else 0:.1f}%"
    return join([percent(part, whole), element("span", {"class": "bar", "style": width})])


def _conditions(measurement: Measurement) -> Html:
    conditions = measurement.conditions
    load = NO_VALUE if conditions.before.load is None else f"{fixed(conditions.before.load)} before"
    if conditions.after.load is not None:
        load += f", {fixed(conditions.after.load)} after"
    pairs = [
        ("Processor", f"{conditions.cpu}, {conditions.cores} cores, {conditions.machine}"),
        ("Frequency governor", conditions.governor or NO_VALUE),
        ("Clock", clock_words(conditions)),
        ("Temperature", temperature_words(conditions)),
        ("Throttled", throttled_words(conditions) or NO_VALUE),
        ("Load average", load),
        ("Other programs", noise_words(measurement)),
        ("Threads", str(conditions.threads)),
        ("Kernels", conditions.kernels),
        ("Measured", measurement.scope or "the model's main graph"),
        ("Runtime", f"{conditions.runtime} {conditions.runtime_version}"),
        ("System", conditions.system),
        ("Taken", conditions.taken_at or NO_VALUE),
    ]
    if measurement.power:
        rails = ", ".join(f"{rail.name} {fixed(rail.mean_w)} W" for rail in measurement.power.rails)
        pairs += [("Power by rail", rails), ("Power from", measurement.power.how)]
    return facts(pairs)
