"""Work on several devices, as a person at a terminal or in a log follows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from edgekit.cli.progress import FleetProgress

if TYPE_CHECKING:
    from edgekit.core.progress import Progress
    from edgekit.measure.fleet import Outcome
    from edgekit.measure.measurement import Measurement
    from edgekit.transports.uri import DeviceUri

T = TypeVar("T")


def on_fleet(
    devices: tuple[DeviceUri, ...],
    work: Callable[[DeviceUri, Progress], T],
    keep: Callable[[T], None],
    describe: Callable[[T], str],
) -> tuple[Outcome[T], ...]:
    """Do `work` on every device at once; `keep` gets each result when it is there, `describe` says it in a line."""
    from edgekit.measure.fleet import on_each

    progress = FleetProgress(len(devices))
    places = {device: place for place, device in enumerate(devices)}
    width = max(len(str(device)) for device in devices)

    def told(outcome: Outcome[T]) -> None:
        if outcome.error is None and outcome.result is not None:
            keep(outcome.result)
            mark, words = click.style("done  ", fg="green"), describe(outcome.result)
        else:
            mark, words = click.style("failed", fg="red"), outcome.error.message if outcome.error else ""
        progress.finished(f"{mark}  {outcome.device!s:<{width}}  {outcome.seconds:5.1f} s  {words}")

    return on_each(devices, lambda device: work(device, progress.line(places[device])), told)


def show_failures(outcomes: tuple[Outcome[T], ...]) -> None:
    """Raise what failed: the error of the one device, or each of several on a line and one that counts them."""
    from edgekit.cli.main import show_error
    from edgekit.measure.fleet import first_error

    error = first_error(outcomes)
    if error is None:
        return
    if len(outcomes) > 1:
        for outcome in outcomes:
            if outcome.error is not None:
                show_error(outcome.error)
    raise error


def measured_words(measurement: Measurement) -> str:
    """A measurement in a line."""
    from edgekit.report.words import latency_words

    parity = "parity kept" if measurement.parity.passed else "WRONG OUTPUTS"
    emulated = f"  ({measurement.conditions.emulated})" if measurement.conditions.emulated else ""
    return f"{parity}  {latency_words(measurement.latency)}{emulated}"
