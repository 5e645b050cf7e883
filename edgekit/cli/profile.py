"""`edgekit profile`."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.output import write_json
from edgekit.cli.progress import TerminalProgress

PATH = click.Path(path_type=Path)
SHOWN = 30


@click.command()
@click.argument("bundle", type=PATH)
@click.option("--device", required=True, metavar="URI", help="Where to run it, such as local.")
@click.option("--json", "json_path", type=PATH, help="Write the times there, - for stdout.")
def profile(bundle: Path, device: str, json_path: Path | None) -> None:
    """Which operator takes the time, and which kernel or delegate ran it."""
    from edgekit.bundle.read import open_bundle
    from edgekit.measure.check import CheckOptions, check_bundle
    from edgekit.report.text import profile_table
    from edgekit.transports.uri import parse_device

    measured = check_bundle(open_bundle(bundle), parse_device(device), CheckOptions(), TerminalProgress())
    if json_path is not None:
        write_json(json_path, measured.to_json()["profile"])
        if str(json_path) == "-":
            return
    click.echo(profile_table(measured, SHOWN))
