"""`edgekit doctor`."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

import click

from edgekit.cli.progress import TerminalProgress

CORE = ("click", "numpy", "flatbuffers", "tqdm", "ai-edge-litert", "litert-quantizer")
PACKAGE_OF = {"PIL": "pillow"}


@click.command()
@click.option("--install", "backend", metavar="NAME", help="Create the environment of a backend now.")
def doctor(backend: str | None) -> int:
    """What is installed, what is missing, and the one command that mends it."""
    from edgekit.importers.environments import install

    if backend is not None:
        install(backend, TerminalProgress())
        click.echo(f"{backend} is installed")
        return 0
    click.echo(f"edgekit on Python {platform.python_version()}, {platform.system()} {platform.machine()}\n")
    whole = [_core(name) for name in CORE]
    _extras()
    _backends()
    return 0 if all(whole) else 6


def _line(found: bool, name: str, what: str) -> None:
    mark = click.style("ok     ", fg="green") if found else click.style("missing", fg="yellow")
    click.echo(f"  {mark}  {name:<18}{what}")


def _core(name: str) -> bool:
    version = _version(name)
    _line(version is not None, name, version or f"{sys.executable} -m pip install edgekit")
    return version is not None


def _extras() -> None:
    from edgekit.core.extras import EXTRAS, installed

    click.echo("\nextras")
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if not installed(module)]
        versions = ", ".join(f"{m} {_version(PACKAGE_OF.get(m, m)) or ''}".strip() for m in modules)
        _line(not missing, extra, f"pip install 'edgekit[{extra}]'" if missing else versions)


def _backends() -> None:
    from edgekit.importers import environments

    click.echo("\nbackends in environments of their own")
    for name in environments.BACKENDS:
        found = environments.installed(name)
        _line(found, name, "" if found else f"edgekit doctor --install {name} (or by itself on first use)")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
