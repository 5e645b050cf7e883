"""Several launches of one measurement, as many as a verdict on its limit needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from edgekit.measure.gates import Ruling, rule_on
from edgekit.measure.measurement import Measurement


def until_ruled(first: Measurement, limit_ms: float, again: Callable[[], Measurement]) -> Measurement:
    """`first`, and others like it until `rule_on` can say whether p90 keeps `limit_ms`; then one from all.

    A wrong output ends it: nothing else matters then.
    """
    found = [first]
    while found[-1].parity.passed and rule_on(limit_ms, [_p90_ms(m) for m in found]) is Ruling.MORE:
        found.append(again())
    return merged(found)


def merged(launches: list[Measurement]) -> Measurement:
    """The launch whose p90 is in the middle, with what all of them tell; the one with wrong outputs where there is one.

    Raises ValueError on none.
    """
    if not launches:
        raise ValueError("there is no launch")
    wrong = [m for m in launches if not m.parity.passed]
    typical = wrong[0] if wrong else sorted(launches, key=_p90_ms)[len(launches) // 2]
    latency = typical.latency
    if latency is not None:
        p90_us = tuple(m.latency.p90_us for m in launches if m.latency is not None)
        latency = dataclasses.replace(latency, launch_count=len(launches), launch_p90_us=p90_us)
    conditions = dataclasses.replace(
        typical.conditions, before=launches[0].conditions.before, after=launches[-1].conditions.after
    )
    return dataclasses.replace(typical, latency=latency, conditions=conditions)


def _p90_ms(measurement: Measurement) -> float:
    return measurement.latency.p90_us / 1000 if measurement.latency else 0.0
