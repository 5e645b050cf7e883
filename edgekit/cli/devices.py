"""`edgekit devices`."""

from __future__ import annotations

import platform

import click

from edgekit.cli.output import print_table


@click.command()
def devices() -> None:
    """What is reachable now."""
    from edgekit.transports.registry import TRANSPORTS

    rows = [("local", f"this machine: {platform.system()} on {platform.machine()}")]
    print_table(("device", "what it is"), rows)
    others = [name for name in TRANSPORTS if name != "local"]
    if not others:
        click.echo("\nthis version measures on `local`; adb, ssh, serial and qemu are not there yet")
