"""Devices, as a person at a terminal or in a log follows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from edgekit.cli.progress import FleetProgress

if TYPE_CHECKING:
    from edgekit.measure.fleet import Outcome
    from edgekit.measure.measurement import Measurement
    from edgekit.transports.uri import DeviceUri

T = TypeVar("T")


def fleet_progress(devices: tuple[DeviceUri, ...]) -> FleetProgress:
    """Lines for these devices."""
    return FleetProgress(len(devices), max(len(str(device)) for device in devices))


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


def nothing(_: object) -> None:
    """For results that are shown and not kept."""


def measured_words(measurement: Measurement) -> str:
    """A measurement in a line."""
    from edgekit import measuring

    return measuring.measured_words(measurement)
