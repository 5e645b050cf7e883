"""The words for numbers that all views share, so that they cannot disagree."""

from __future__ import annotations

from edgekit.core.units import format_bytes, format_us
from edgekit.measure.gates import Gate
from edgekit.measure.measurement import Latency, Measurement, Nearness, Parity
from edgekit.report.model import Accuracy, LayerRow, Report, Score, Size, StepRow

NO_VALUE = "–"
EXACT = "exact"
_MINUS = "\N{MINUS SIGN}"


def number(value: float | None, digits: int = 4) -> str:
    """`value` with that many significant digits; a dash where there is none."""
    if value is None:
        return NO_VALUE
    text = f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
    return text.replace("-", _MINUS, 1) if text.startswith("-") else text


def fixed(value: float | None, decimals: int = 2) -> str:
    """`value` with that many decimals; a dash where there is none. Never a negative zero."""
    if value is None:
        return NO_VALUE
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return text.replace("-", _MINUS)


def signed(value: float, decimals: int = 2) -> str:
    """`value` with its sign, `±0` for what rounds to nothing."""
    text = fixed(value, decimals)
    if float(text.replace(_MINUS, "-")) == 0:
        return f"±{text}"
    return text if text.startswith(_MINUS) else f"+{text}"


def percent(part: float, whole: float) -> str:
    """`part` of `whole`, such as `"27 %"`; one decimal below 10 %."""
    if whole <= 0:
        return NO_VALUE
    share = 100 * part / whole
    return f"{share:.1f} %" if share < 10 else f"{share:.0f} %"


def size_words(size: Size) -> str:
    """Both sizes and their ratio in one phrase."""
    return f"{format_bytes(size.before_bytes)} → {format_bytes(size.after_bytes)}, {size_share(size)} of the original"


def size_share(size: Size) -> str:
    """The result's bytes as a share of the original's."""
    return percent(size.after_bytes, size.before_bytes)


def difference_unit(unit: str) -> str:
    """The unit of a difference of two values in `unit`."""
    return "points" if unit == "%" else unit


def score_words(score: Score, unit: str) -> str:
    """A metric with its interval."""
    value = f"{fixed(score.value)} {unit}".strip()
    return f"{value} ({interval_words(score)})" if score.low is not None else value


def interval_words(score: Score) -> str:
    """The interval of a metric, or a dash."""
    if score.low is None or score.high is None:
        return NO_VALUE
    return f"{fixed(score.low)} to {fixed(score.high)}"


def difference_words(accuracy: Accuracy) -> str:
    """The change of the metric with its interval."""
    text = f"{signed(accuracy.difference.value)} {difference_unit(accuracy.unit)}".strip()
    low, high = accuracy.difference.low, accuracy.difference.high
    if low is None or high is None:
        return text
    return f"{text} ({signed(low)} to {signed(high)})"


def samples_words(accuracy: Accuracy) -> str:
    """On how many and which samples a metric was taken."""
    where = "evaluation samples" if accuracy.on == "evaluation" else "calibration samples, which the build has seen"
    return f"{accuracy.sample_count:,} {where}"


def confidence_words(accuracy: Accuracy) -> str:
    """How sure the intervals are."""
    return f"{100 * accuracy.confidence:.3g} %"


def certainty_words(accuracy: Accuracy) -> str:
    """What the interval of the difference allows to be said, in one sentence."""
    low, high = accuracy.difference.low, accuracy.difference.high
    if low is None or high is None:
        return "No interval can be given for this metric."
    sure = confidence_words(accuracy)
    if low <= 0 <= high:
        return f"With {sure} confidence this many samples show no difference."
    better = (accuracy.difference.value > 0) == accuracy.higher_is_better
    return f"With {sure} confidence the result is {'better' if better else 'worse'}, by an amount in that range."


def sqnr_words(layer: LayerRow) -> str:
    """A layer's signal-to-noise ratio; equal outputs have none."""
    return EXACT if layer.sqnr_db is None else f"{fixed(layer.sqnr_db, 1)} dB"


def worth_words(step: StepRow) -> str:
    """Why a step does not pay, and what was done about it."""
    return f"{'Left out' if step.dropped else 'Kept as the recipe says, but it does not pay'}: {step.not_worth}."


def gate_value(gate: Gate) -> str:
    """The number that a gate looked at."""
    return gate.verdict if gate.value is None else _with_unit(gate.value, gate.unit)


def gate_limit(gate: Gate) -> str:
    """The limit of a gate."""
    return _with_unit(gate.limit, gate.unit)


def _with_unit(value: float, unit: str) -> str:
    words = number(value)
    return f"{words} {'point' if (words, unit) == ('1', 'points') else unit}"


def verdict_words(report: Report) -> str:
    """The report in one sentence."""
    broken = sum(g.passed is False for g in report.gates)
    wrong = [m.device for m in report.measurements if not m.parity.passed]
    unknown = len(report.unmeasured)
    if wrong:
        return f"{', '.join(wrong)} computes something else than the golden samples say"
    if broken:
        return f"{broken} of {_count(len(report.gates), 'gate')} broken"
    if not report.gates:
        return "no budget was set, so nothing was gated"
    if unknown == len(report.gates):
        return f"{_count(unknown, 'gate')}, none of them measured"
    kept = len(report.gates) - unknown
    rest = f", {unknown} {' or '.join(sorted({g.verdict for g in report.unmeasured}))}" if unknown else ""
    return f"{_count(kept, 'gate')} kept{rest}"


def _count(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def latency_words(latency: Latency) -> str:
    """The three percentiles in one phrase."""
    return f"p50 {format_us(latency.p50_us)}, p90 {format_us(latency.p90_us)}, p99 {format_us(latency.p99_us)}"


def median_words(latency: Latency) -> str:
    """The median with its interval."""
    if latency.median_low_us is None or latency.median_high_us is None or latency.median_coverage is None:
        return format_us(latency.p50_us)
    low, high = format_us(latency.median_low_us), format_us(latency.median_high_us)
    return f"{format_us(latency.p50_us)} ({low} to {high} with {100 * latency.median_coverage:.3g} % confidence)"


def parity_words(parity: Parity) -> str:
    """How near the outputs were to the golden ones, in one sentence."""
    if not parity.passed:
        return f"wrong: {parity.first_difference}"
    samples = f"on {_count(parity.sample_count, 'golden sample')}"
    if parity.max_difference == 0:
        return f"bit-exact {samples}"
    unit = {Nearness.LSB: " LSB", Nearness.EXACT: "", Nearness.ABSOLUTE: ""}[parity.nearness]
    return f"within {number(parity.max_difference, 3)}{unit} (bound {number(parity.bound, 3)}{unit}) {samples}"


def cost_words(measurement: Measurement) -> str:
    """What an inference takes: its time, or the instructions that were counted."""
    if measurement.latency is not None:
        return latency_words(measurement.latency)
    firmware = measurement.firmware
    return f"{firmware.instructions:,} instructions" if firmware and firmware.instructions else "not timed"


def runs_words(latency: Latency) -> str:
    """How often it ran."""
    return f"{_count(latency.count, 'run')} after {latency.warmup_count} to warm up"
