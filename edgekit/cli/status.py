"""`edgekit status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.deploy import DEVICES, JSON, PYTHON, boards
from edgekit.cli.output import write_json

if TYPE_CHECKING:
    from edgekit.core.errors import EdgekitError
    from edgekit.deploy.site import Standing, Status
    from edgekit.transports.uri import DeviceUri


@click.command()
@DEVICES
@PYTHON
@JSON
def status(devices: tuple[str, ...], python: str, json_path: Path | None) -> int:
    """What boards run: the release, since when, the one before, the service's health, whose signature."""
    from edgekit.cli.main import show_error
    from edgekit.core.errors import EdgekitError
    from edgekit.core.records import to_record
    from edgekit.deploy.install import DeployOptions, status_of

    records: list[dict[str, object]] = []
    errors: list[EdgekitError] = []
    for device in boards(devices):
        try:
            found = status_of(device, DeployOptions(python=python))
        except EdgekitError as error:
            errors.append(error)
            records.append({"device": str(device), "status": None, "error": error.message})
            continue
        records.append({"device": str(device), "status": to_record(found), "error": None})
        if str(json_path) != "-":
            click.echo(_words(device, found))
    if json_path is not None:
        write_json(json_path, records)
    for failed in errors:
        show_error(failed)
    return errors[0].exit_code if errors else 0


def _words(device: DeviceUri, found: Status) -> str:
    """A few lines for a person."""
    signature = found.current.signature or found.current.fault if found.current else ""
    rows = [
        ("release", _release(found.current)),
        ("since", found.since if found.current else ""),
        ("service", found.service),
        ("signature", signature),
        ("trusts key", found.key or "none: takes every bundle"),
        ("previous", _release(found.previous)),
        ("unconfirmed", "a switch was interrupted; the next deployment settles it" if found.unconfirmed else ""),
        ("last error", found.last_error),
    ]
    lines = [f"  {title:<12}{text}" for title, text in rows if text]
    return "\n".join([click.style(str(device), bold=True), *lines])


def _release(standing: Standing | None) -> str:
    if standing is None:
        return "none"
    digest = standing.digest[:12] or "?"
    return f"{digest} {standing.title}{'' if standing.whole else f', not whole: {standing.fault}'}"
