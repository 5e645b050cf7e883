"""`edgekit devices` and `edgekit devices setup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgekit.cli.output import print_table, write_json

if TYPE_CHECKING:
    from edgekit.transports.base import Found

PATH = click.Path(path_type=Path)
LIMIT_S = 15.0
"""How long a transport may look for its devices; each of its calls has a shorter limit of its own."""


@click.group(invoke_without_command=True)
@click.option("--json", "json_path", type=PATH, help="Write the list there, - for stdout.")
@click.pass_context
def devices(context: click.Context, json_path: Path | None) -> None:
    """What is reachable now, through each transport."""
    if context.invoked_subcommand is not None:
        return
    found, late = discover_all()
    rows = [(one.uri, one.what if one.usable else f"not usable: {one.what}") for one in found]
    if json_path is not None:
        write_json(json_path, [{"uri": f.uri, "what": f.what, "usable": f.usable} for f in found])
    if json_path is None or str(json_path) != "-":
        print_table(("device", "what it is"), rows)
    for name in late:
        click.echo(f"{name} did not answer within {LIMIT_S:g} s", err=True)


@devices.command()
@click.argument("device")
@click.option("--offline", is_flag=True, help="Bring the packages from here: the board needs no network.")
@click.option("--wheels", type=PATH, metavar="FOLDER", help="Bring the wheels of this folder; pip's own among them.")
@click.option("--benchmark-model", type=PATH, help="For a phone: keep LiteRT's benchmark_model for later checks.")
@click.option("--python", default="python3", show_default=True, help="The board's interpreter to build on.")
@click.option("--cache", type=PATH, help="Where fetched wheels are kept, in place of ~/.cache.")
def setup(
    device: str, offline: bool, wheels: Path | None, benchmark_model: Path | None, python: str, cache: Path | None
) -> None:
    """Make DEVICE able to run models.

    On a board: a virtual environment of its own in ~/.local/share/edgekit. A phone needs nothing but the program that
    measures, which is kept here and pushed for each check.

    \b
      edgekit devices setup ssh:pi@raspberrypi.local --offline
    """
    from edgekit.core.cache import Cache, default_cache_folder
    from edgekit.measure.android_tool import keep_tool
    from edgekit.measure.setup import SetupOptions, set_up
    from edgekit.transports.uri import parse_device

    if benchmark_model is not None:
        click.echo(f"kept {keep_tool(benchmark_model)}")
        return
    options = SetupOptions(python, offline or wheels is not None, wheels)
    facts = set_up(parse_device(device), options, Cache(cache or default_cache_folder()), click.echo)
    click.echo(f"{device} is ready: {facts.describe()}")


def discover_all() -> tuple[list[Found], list[str]]:
    """What every transport finds, all asked at once, and the names of those that took too long."""
    import threading
    import time

    from edgekit.transports.registry import TRANSPORTS, discover

    found: dict[str, tuple[Found, ...]] = {}

    def look(name: str) -> None:
        found[name] = discover(name)

    threads = {name: threading.Thread(target=look, args=(name,), daemon=True) for name in TRANSPORTS}
    for thread in threads.values():
        thread.start()
    end = time.monotonic() + LIMIT_S
    for thread in threads.values():
        thread.join(max(0.0, end - time.monotonic()))
    late = [name for name, thread in threads.items() if thread.is_alive()]
    return [one for name in TRANSPORTS for one in found.get(name, ())], late
