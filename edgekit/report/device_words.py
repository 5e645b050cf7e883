"""The words for what a device did and under which conditions, shared by all views."""

from __future__ import annotations

from edgekit.core.units import format_us
from edgekit.measure.measurement import Conditions, Health, Measurement, Placement, Power, TaskAccuracy
from edgekit.report.words import NO_VALUE, cost_words, fixed, number, percent
from edgekit.transports.uri import LOCAL

_SHOWN_FALLBACKS = 4


def emulated_words(conditions: Conditions) -> str:
    """With what a device is emulated and what that means; empty for real hardware."""
    if not conditions.emulated:
        return ""
    said = conditions.emulated.removeprefix("emulated:").strip()
    return f"emulated ({said}): these times and this energy are not those of a device"


def device_words(conditions: Conditions) -> str:
    """What a device is: its own name, its processor, or both where neither says the other."""
    if conditions.board and conditions.system == "none" and conditions.cpu:
        return f"{conditions.board}, {conditions.cpu}"
    return conditions.board or conditions.cpu


def marked(words: str, conditions: Conditions) -> str:
    """A time in words, marked where it is that of an emulated device."""
    return f"{words} (emulated)" if conditions.emulated else words


def p90_words(measurements: tuple[Measurement, ...]) -> str:
    """The 90th percentile on the first device, which is named where it is this machine; a dash where there is none."""
    if not measurements:
        return NO_VALUE
    first = measurements[0]
    if first.latency is None:
        return cost_words(first)
    where = f" on {first.device}" if first.device == str(LOCAL) else ""
    return marked(f"{format_us(first.latency.p90_us)}{where}", first.conditions)


def placement_words(placement: Placement) -> str:
    """Which operators a delegate took and which fell back, in one sentence."""
    total = f"{placement.operators_total} {'operator' if placement.operators_total == 1 else 'operators'}"
    if placement.operators_taken is None:
        return f"{placement.delegate or 'unknown'}; how many of {total} it took is not known: {placement.note}"
    if not placement.delegate or placement.operators_taken == 0:
        return f"all {total} on the CPU's builtin kernels ({placement.note})"
    if not placement.fallback:
        return f"{placement.delegate} took {placement.operators_taken} of {total} ({placement.note})"
    shown = ", ".join(placement.fallback[:_SHOWN_FALLBACKS])
    rest = len(placement.fallback) - _SHOWN_FALLBACKS
    more = f" and {rest} more" if rest > 0 else ""
    taken = f"{placement.delegate} took {placement.operators_taken} of {total}"
    return f"{taken}; on the CPU's builtin kernels: {shown}{more} ({placement.note})"


def power_words(power: Power) -> str:
    """Energy of one inference and the mean power."""
    return f"{number(power.energy_mj, 3)} mJ per inference at {fixed(power.mean_w)} W"


def task_words(task: TaskAccuracy) -> str:
    """The task's metric on the device."""
    value = f"{fixed(task.value)} {task.unit}".strip()
    interval = "" if task.low is None or task.high is None else f" ({fixed(task.low)} to {fixed(task.high)})"
    return f"{task.metric} {value}{interval} on {task.sample_count:,} evaluation samples"


def launches_words(measurement: Measurement) -> str:
    """The 90th percentiles of several launches; empty for one."""
    each = measurement.latency.launch_p90_us if measurement.latency else ()
    if len(each) < 2:
        return ""
    return f"{len(each)} launches, p90 from {number(min(each) / 1000)} to {number(max(each) / 1000)} ms"


def clock_words(conditions: Conditions) -> str:
    """The clocks of the cores before and after."""
    return _change(_clock(conditions.before), _clock(conditions.after), "MHz")


def temperature_words(conditions: Conditions) -> str:
    """The hottest zone before and after."""
    before, after = conditions.before.temperature_c, conditions.after.temperature_c
    words = [NO_VALUE if t is None else fixed(t, 1) for t in (before, after)]
    return _change(words[0], words[1], "°C")


def throttled_words(conditions: Conditions) -> str:
    """What slowed the device, before and after; empty where nothing did or nothing is known."""
    before, after = conditions.before.throttled, conditions.after.throttled
    if before == after:
        return before
    return f"before the runs {before or 'no'}, after them {after or 'no'}"


def noise_words(measurement: Measurement) -> str:
    """What other programs took from the timed runs."""
    noise = measurement.noise
    if noise is None:
        return NO_VALUE
    if noise.words:
        return noise.words
    waited = "" if noise.waited_share is None else f" (waited for a core {percent(noise.waited_share, 1.0)})"
    return f"quiet{waited}"


def _clock(health: Health) -> str:
    if not health.clock_mhz:
        return NO_VALUE
    low, high = min(health.clock_mhz), max(health.clock_mhz)
    return f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"


def _change(before: str, after: str, unit: str) -> str:
    first, last = (words if words == NO_VALUE else f"{words} {unit}" for words in (before, after))
    return first if first == last else f"{first} before, {last} after"
