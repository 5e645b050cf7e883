"""`edgekit lab`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.output import print_table, write_json
from edgekit.cli.progress import TerminalProgress

if TYPE_CHECKING:
    from edgekit.transports.lab_devices import LabDevice

EXPORT = click.option("--export", is_flag=True, help="Print shell variables instead: for ssh, adb and scripts.")
NAMES = click.argument("names", nargs=-1)


@click.group()
def lab() -> None:
    """An emulated fleet on this machine, reached by the real protocols: phone, pi, pi32, mcu.

    What is measured on it is marked as emulated, and passes no latency gate.
    """


@lab.command()
@NAMES
@EXPORT
def up(names: tuple[str, ...], export: bool) -> None:
    """Start the devices NAMES, or all; they go on when the command has ended. Those that run are left as they are."""
    from edgekit.lab import fleet

    devices = fleet.up(names, TerminalProgress())
    if export:
        _export(devices)
        return
    print_table(("name", "device", "what it is"), [(d.name, d.uri, d.what) for d in devices])
    click.echo("\ncheck a bundle there:  edgekit check BUNDLE --device URI")
    click.echo('for ssh, adb, scripts: eval "$(edgekit lab status --export)"      end: edgekit lab down')


@lab.command()
@NAMES
def down(names: tuple[str, ...]) -> None:
    """End the devices NAMES, or all."""
    from edgekit.lab import fleet

    ended = fleet.down(names)
    click.echo(f"ended: {', '.join(ended)}" if ended else "nothing ran")


@lab.command()
@EXPORT
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write it there, - for stdout.")
def status(export: bool, json_path: Path | None) -> int:
    """Which devices run, and whether each answers. Exit code 5 if one does not."""
    from edgekit.lab import fleet
    from edgekit.transports.lab_devices import lab_devices

    devices = lab_devices()
    if export:
        _export(devices)
        return 0
    answers = fleet.answers(devices)
    if json_path is not None:
        rows = [
            {"name": a.device.name, "uri": a.device.uri, "what": a.device.what, "trouble": a.trouble} for a in answers
        ]
        write_json(json_path, rows)
    elif answers:
        header = ("name", "device", "what it is", "state")
        print_table(header, [(a.device.name, a.device.uri, a.device.what, a.trouble or "answers") for a in answers])
    else:
        click.echo("nothing runs; start it with `edgekit lab up`")
    return 5 if any(answer.trouble for answer in answers) else 0


def _export(devices: tuple[LabDevice, ...]) -> None:
    from edgekit.lab import fleet

    for name, value in fleet.variables(devices).items():
        click.echo(f"export {name}={shlex.quote(value)}")
