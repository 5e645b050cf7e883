"""`edgekit targets`."""

from __future__ import annotations

from pathlib import Path

import click

from edgekit.cli.output import print_table


@click.group()
def targets() -> None:
    """The device classes that edgekit knows."""


@targets.command("list")
def list_targets() -> None:
    """All of them, a line each."""
    from edgekit.targets.load import load_target, target_names

    loaded = [load_target(name) for name in target_names()]
    rows = [(t.name, t.kind.value, t.runtime.value, t.recipe_default, t.title) for t in loaded]
    print_table(("target", "kind", "runtime", "recipe", "title"), rows)


@targets.command()
@click.argument("name")
def show(name: str) -> None:
    """What is known of one, and where it comes from."""
    from edgekit.targets.describe import describe
    from edgekit.targets.load import load_target

    click.echo(describe(load_target(name)))


@targets.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Whether FILE is a valid profile."""
    from edgekit.targets.load import load_file

    click.echo(f"{file}: {load_file(file).title} is a valid profile")
