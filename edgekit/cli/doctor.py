"""`edgekit doctor`."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path

import click

from edgekit.cli.progress import TerminalProgress

CORE = ("click", "numpy", "flatbuffers", "tqdm", "ai-edge-litert", "litert-quantizer")
PACKAGE_OF = {"PIL": "pillow", "ethosu": "ethos-u-vela"}


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
    _devices()
    _lab()
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


def _devices() -> None:
    """What reaches devices and measures there."""
    from edgekit.core.cache import default_cache_folder
    from edgekit.core.errors import MissingError
    from edgekit.measure.android_tool import TOOL
    from edgekit.transports.adb_client import adb_program

    click.echo("\nfor devices")
    try:
        _line(True, "adb", adb_program())
    except MissingError as error:
        _line(False, "adb", error.hint or error.message)
    ssh = shutil.which("ssh")
    _line(ssh is not None, "ssh", ssh or "sudo apt-get install openssh-client")
    _compilers()
    kept = sorted(path.parent.name for path in (default_cache_folder() / TOOL).glob(f"*/{TOOL}"))
    mend = "edgekit devices setup adb:SERIAL --benchmark-model FILE (for phones; see docs/phones.md)"
    _line(bool(kept), TOOL, ", ".join(kept) or mend)


def _compilers() -> None:
    """What compiles for microcontrollers: either will do."""
    from edgekit.core.toolchain import GCC, GCC_COMMAND, ZIG_COMMAND, Family, toolchain

    gcc, zig = toolchain(Family.GCC), toolchain(Family.ZIG)
    _line(gcc is not None, GCC, gcc.version if gcc else f"{GCC_COMMAND}{' (or stay with zig)' if zig else ''}")
    _line(zig is not None, "zig", zig.version if zig else f"{ZIG_COMMAND}{' (or stay with gcc)' if gcc else ''}")


def _lab() -> None:
    """What the device lab is made of; Debian packages."""
    from edgekit.lab.packages import find_program, missing, package_of

    click.echo("\nfor the device lab (edgekit lab up)")
    programs: dict[str, list[str]] = {}
    for program, package in package_of().items():
        programs.setdefault(package, []).append(program)
    for package, names in programs.items():
        paths = [str(path) for path in map(find_program, names) if path is not None]
        whole = len(paths) == len(names)
        _line(whole, package, ", ".join(paths) if whole else f"sudo apt-get install {package}")
    if find_program("bwrap") is not None and (sentence := missing(["bwrap"])):
        _line(False, "user namespaces", f"{sentence}: sudo sysctl -w {_namespace_switch()}")


def _namespace_switch() -> str:
    """The kernel setting that allows user namespaces: Ubuntu's since 23.10 where it is there, else Debian's."""
    ubuntu = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
    return "kernel.apparmor_restrict_unprivileged_userns=0" if ubuntu.exists() else "kernel.unprivileged_userns_clone=1"


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
