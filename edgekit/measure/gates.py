"""Gates: the limits of a budget, each next to the number that it is held against."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edgekit.measure.statistics import launch_interval

MOST_LAUNCHES = 7
_FEWEST_TO_FAIL = 3
_LOOK = 0.987
"""Confidence of the interval at each of seven looks, so that together they err with 5 %: Pocock, "Group Sequential
Methods in the Design and Analysis of Clinical Trials", Biometrika 64(2), 1977, whose constant for seven is 2.485."""


class Ruling(enum.Enum):
    """What launches say of a limit."""

    KEPT = "kept"
    BROKEN = "broken"
    MORE = "measure again"
    UNDECIDED = "undecided"


def rule_on(limit: float, launches: Sequence[float]) -> Ruling:
    """What to do after these launches, each with one number in the limit's unit, in the order in which they ran.

    Broken only where the lower end of the interval is over the limit, after three launches at least, for another
    program can slow one; kept where the upper end is not. Between the two: another launch, at most seven in all, and
    then undecided, which fails nothing and is never shown as kept. Raises ValueError on none.
    """
    interval = launch_interval(launches, _LOOK)
    if interval.high <= limit:
        return Ruling.KEPT
    if interval.low > limit and len(launches) >= _FEWEST_TO_FAIL:
        return Ruling.BROKEN
    return Ruling.MORE if len(launches) < MOST_LAUNCHES else Ruling.UNDECIDED


class BudgetLike(Protocol):
    """A limit for each key, or None where there is none (`edgekit.targets.target.Budget`)."""

    @property
    def latency_p90_ms(self) -> float | None: ...
    @property
    def model_kib(self) -> float | None: ...
    @property
    def ram_kib(self) -> float | None: ...
    @property
    def flash_kib(self) -> float | None: ...
    @property
    def energy_mj(self) -> float | None: ...
    @property
    def accuracy_drop(self) -> float | None: ...


UNITS = {
    "latency_p90_ms": "ms",
    "model_kib": "KiB",
    "ram_kib": "KiB",
    "flash_kib": "KiB",
    "energy_mj": "mJ",
    "accuracy_drop": "points",
}
"""Key of a budget -> unit of its limit and of its value."""

TITLES = {
    "latency_p90_ms": "latency, 90th percentile",
    "model_kib": "model size",
    "ram_kib": "working memory",
    "flash_kib": "flash",
    "energy_mj": "energy per inference",
    "accuracy_drop": "accuracy drop",
    "goal_latency": "goal: latency",
    "goal_macs": "goal: multiply-accumulates",
    "goal_size": "goal: size of the file",
}
"""Key of a budget or a goal -> what it is called in a report."""

NOT_MEASURED = "not measured"
NOT_JUDGED = "not judged"
_LAUNCHED = "latency_p90_ms"
_TIMED = ("latency_p90_ms", "energy_mj")
"""What an emulated device cannot tell."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A budget applied to a number.

    `passed` is None where it is neither kept nor broken: nothing was measured (`value` is None too), or the number
    allows no verdict (`note` says why). `remedy` says, where it is broken, what the number comes from and what would
    lower it.
    """

    key: str
    limit: float
    value: float | None
    unit: str
    passed: bool | None
    note: str = ""
    remedy: str = ""

    @property
    def title(self) -> str:
        """What the budget is called in a report."""
        return TITLES.get(self.key, self.key)

    @property
    def verdict(self) -> str:
        """`"pass"`, `"fail"`, `"not measured"` or, for a number that allows no verdict, `"not judged"`."""
        if self.passed is None:
            return NOT_MEASURED if self.value is None else NOT_JUDGED
        return "pass" if self.passed else "fail"


def evaluate_gates(
    budget: BudgetLike,
    values: Mapping[str, float | None],
    notes: Mapping[str, str] | None = None,
    emulated: str = "",
    launches_ms: Sequence[float] = (),
) -> tuple[Gate, ...]:
    """One gate for each limit that `budget` sets, in the order of `UNITS`.

    Args:
        values: key -> number in the key's unit; a key that is absent or None was not measured.
        notes: key -> what the number is, for the report.
        launches_ms: p90 of each launch in milliseconds, where `rule_on` decided how many there are.
        emulated: with what the device is emulated; its times and energy are then not held against a limit.
    Raises ValueError for a key that no budget has.
    """
    unknown = sorted({*values, *(notes or {})} - set(UNITS))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: no budget is called so")
    limits = {key: getattr(budget, key) for key in UNITS}
    judged = (
        gate(key, limit, values.get(key), (notes or {}).get(key, ""))
        for key, limit in limits.items()
        if limit is not None
    )
    ruled = (_ruled(g, launches_ms) if launches_ms else g for g in judged)
    return tuple(_not_held(g, emulated) if emulated else g for g in ruled)


def _ruled(judged: Gate, launches_ms: Sequence[float]) -> Gate:
    """A gate of latency by what all launches say."""
    if judged.key != _LAUNCHED or judged.value is None:
        return judged
    ruling, interval = rule_on(judged.limit, launches_ms), launch_interval(launches_ms, _LOOK)
    count = f"{len(launches_ms)} {'launch' if len(launches_ms) == 1 else 'launches'}"
    note = f"{count}: {interval.low:.4g} to {interval.high:.4g} ms; {judged.note}".removesuffix("; ")
    if ruling in (Ruling.KEPT, Ruling.BROKEN):
        return dataclasses.replace(judged, passed=ruling is Ruling.KEPT, note=note)
    return dataclasses.replace(judged, passed=None, note=f"undecided, the limit is within what was seen: {note}")


def _not_held(judged: Gate, emulated: str) -> Gate:
    """A gate on an emulated device: a time there is no time of a device."""
    if judged.key not in _TIMED or judged.value is None:
        return judged
    words = emulated if emulated.startswith("emulated") else f"emulated: {emulated}"
    return dataclasses.replace(judged, passed=None, note=f"{words}; not held against the limit")


def gate(key: str, limit: float, value: float | None, note: str = "") -> Gate:
    """A number held against its limit. A number that is not one (NaN) keeps no limit."""
    passed = None if value is None else value <= limit
    return Gate(key, limit, value, UNITS[key], passed, note)


def with_remedies(gates: tuple[Gate, ...], remedies: Mapping[str, str]) -> tuple[Gate, ...]:
    """The gates, those that are broken with what would mend them."""
    return tuple(dataclasses.replace(g, remedy=remedies.get(g.key, "")) if g.passed is False else g for g in gates)


def gate_between(key: str, limit: float, low: float, high: float, note: str) -> Gate:
    """A number that is only known to lie between two, held against its limit: no verdict where the limit is between."""
    if high <= limit or low > limit:
        return gate(key, limit, high if high <= limit else low, note)
    return Gate(key, limit, high, UNITS[key], None, f"undecided, from {low:.4g} to {high:.4g} {UNITS[key]}: {note}")


def failed_gates(gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """The gates that are broken; one that was not measured is not among them."""
    return tuple(g for g in gates if g.passed is False)


def describe(gates: tuple[Gate, ...]) -> str:
    """One sentence that names each broken gate with its number and its limit, for a GateError."""
    return "; ".join(
        f"{g.key} is {g.value:.4g} {g.unit}, over its limit of {g.limit:.4g} {g.unit}"
        + (f" ({g.remedy})" if g.remedy else "")
        for g in failed_gates(gates)
    )
