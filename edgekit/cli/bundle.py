"""`edgekit bundle`."""

from __future__ import annotations

from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.group()
def bundle() -> None:
    """Pack, unpack, sign and verify bundles."""


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
@click.option("--key", type=PATH, help="A public key: the bundle must carry a signature by it.")
def verify(path: Path, key: Path | None) -> int:
    """Whether every file of a bundle is the one that its manifest names; with --key, who signed it."""
    from edgekit.bundle.read import open_bundle, verify_bundle
    from edgekit.bundle.sign import key_id, verify_signature

    problems = verify_bundle(path)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        return 3
    if key is None:
        click.echo(f"{path} is whole")
        return 0
    signature = verify_signature(open_bundle(path), key)
    click.echo(f"{path} is whole, and signed by the key {key_id(key)} with the serial {signature.serial}")
    return 0


@bundle.command()
@click.argument("private", type=PATH)
def keygen(private: Path) -> None:
    """A key pair to sign with: PRIVATE, for its owner alone, and PRIVATE.pub, which boards get."""
    from edgekit.bundle.sign import key_id, make_keys

    public = make_keys(private)
    click.echo(f"{private} is the private key: keep it\n{public} is the public key {key_id(public)}")


@bundle.command()
@click.argument("folder", type=PATH)
@click.option("--key", type=PATH, required=True, help="The private key.")
@click.option("--serial", type=click.IntRange(0), help="Larger than the one before; without it the time in seconds.")
def sign(folder: Path, key: Path, serial: int | None) -> None:
    """Sign a bundle: boards that hold the public key run nothing else."""
    from edgekit.bundle.sign import sign_bundle

    made = sign_bundle(folder, key, serial)
    click.echo(f"{folder} ({made.digest[:12]}) is signed by the key {made.key} with the serial {made.serial}")
