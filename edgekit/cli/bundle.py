"""`edgekit bundle`."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.group()
def bundle() -> None:
    """Pack, unpack and verify bundles."""


@bundle.command()
@click.argument("folder", type=PATH)
@click.option("-o", "--output", type=PATH, help="The file; without it FOLDER.edgekit.")
def pack(folder: Path, output: Path | None) -> None:
    """One file of a bundle: the same bytes for the same bundle."""
    from edgekit.bundle.pack import pack_bundle

    path = output or folder.with_name(f"{folder.name}.edgekit")
    pack_bundle(folder, path)
    click.echo(path)


@bundle.command()
@click.argument("file", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, help="The folder.")
def unpack(file: Path, output: Path) -> None:
    """A packed bundle as a folder again, every hash checked."""
    from edgekit.bundle.pack import unpack_bundle

    unpack_bundle(file, output)
    click.echo(output)


@bundle.command()
@click.argument("path", type=PATH)
def verify(path: Path) -> int:
    """Whether every file of a bundle is the one that its manifest names."""
    from edgekit.bundle.read import verify_bundle

    problems = verify_bundle(path)
    for problem in problems:
        click.echo(problem, err=True)
    if not problems:
        click.echo(f"{path} is whole")
    return 3 if problems else 0
