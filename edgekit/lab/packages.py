"""Which Debian packages the lab needs on this machine; `debian.txt` is the one list, which CI reads too."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edgekit.core.errors import MissingError

_LIST = Path(__file__).with_name("debian.txt")
_FOLDERS = "/usr/sbin:/sbin:/usr/lib/openssh"
"""Where programs are that are not on everyone's PATH."""


def package_of() -> dict[str, str]:
    """Program -> the Debian package that brings it."""
    rows = [line.split() for line in _LIST.read_text().splitlines() if line.strip()]
    return {program: package for package, *programs in rows for program in programs}


def find_program(name: str) -> Path | None:
    """Where a program of this machine is, or None."""
    found = shutil.which(name) or shutil.which(name, path=_FOLDERS)
    return Path(found) if found else None


def program(name: str) -> Path:
    """Where a program of this machine is. Raises MissingError with the command that installs it."""
    require([name])
    path = find_program(name)
    assert path is not None  # require has seen it
    return path


def require(names: Sequence[str]) -> None:
    """Raises MissingError, in one sentence with the install command, where a program of `names` is missing."""
    if sentence := missing(names):
        raise MissingError(sentence, remedy(names))


def missing(names: Sequence[str]) -> str:
    """What this machine lacks of the programs `names`, as one sentence; empty if nothing."""
    if packages := missing_packages(names):
        word = "package" if len(packages) == 1 else "packages"
        return f"the lab needs the Debian {word} {', '.join(packages)}"
    if "bwrap" in names and not _namespaces_work():
        return "the lab needs unprivileged user namespaces, which this machine forbids"
    return ""


def remedy(names: Sequence[str]) -> str:
    """The command that brings what `missing` says."""
    if packages := missing_packages(names):
        return f"sudo apt-get install {' '.join(packages)}"
    return "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu) or kernel.unprivileged_userns_clone=1"


def missing_packages(names: Sequence[str]) -> list[str]:
    """The Debian packages of those programs that are not here, sorted."""
    packages = package_of()
    return sorted({packages.get(name, name) for name in names if find_program(name) is None})


@functools.cache
def _namespaces_work() -> bool:
    argv = [str(find_program("bwrap")), "--unshare-all", "--ro-bind", "/", "/", "true"]
    return subprocess.run(argv, capture_output=True, check=False, timeout=30).returncode == 0
