"""Root filesystems out of Debian packages, by name, for any processor, with no root and no change of this machine.

apt with a state of its own resolves and verifies, dpkg-deb unpacks. No maintainer script runs, so no emulator is
needed to make one; what those scripts would have linked is linked here. One is made once, and kept in the user's cache.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgekit.core import process
from edgekit.core.cache import default_cache_folder
from edgekit.core.errors import DeviceError, MissingError
from edgekit.core.files import new_folder, sha256_bytes
from edgekit.core.records import to_record
from edgekit.lab.packages import program
from edgekit.lab.turn import turn

_FORMAT = 1
"""Raised when what this module makes of the same recipe changes."""
_STEP_S = 600
_MIRROR = "http://deb.debian.org/debian"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCES = Path("/etc/apt")
_HINT = "the lab fetches Debian packages and Python wheels once: this machine must reach a Debian mirror and PyPI then"
_LEFT_OUT = (
    "./usr/share/doc",
    "./usr/share/man",
    "./usr/share/locale",
    "./usr/share/info",
    "./usr/share/i18n",
    "*/numpy/*/tests",
)
_FOLDERS = ("proc", "sys", "dev", "tmp", "run", "root", "etc", "lab", "home/pi", "var/tmp", "opt", "usr/local/bin")
_UNPACK = """
set -euo pipefail
out=$1 left_out=$2; shift 2
for deb in "$@"; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$out" --keep-directory-symlink --no-same-owner -X "$left_out"
done
"""


@dataclass(frozen=True, slots=True)
class Wheels:
    """Python packages for the root's own interpreter, from PyPI, without what they depend on.

    Args:
        requirements: as pip reads them; all of them are wheels.
        platforms: wheel tags that the root can use, such as "manylinux_2_28_aarch64".
        python: the version of the root's Python, such as "3.11".
    """

    requirements: tuple[str, ...]
    platforms: tuple[str, ...]
    python: str


@dataclass(frozen=True, slots=True)
class RootRecipe:
    """What a root filesystem is made of: the same recipe is made once.

    Args:
        name: what it is called in messages and in the cache.
        architecture: Debian's word: amd64, arm64, armhf.
        packages: Debian packages; what they depend on comes along, what they recommend does not.
        suites: where packages may come from; the last one is preferred.
        revision: of what the caller's `finish` does; raised when that changes.
    """

    name: str
    architecture: str
    packages: tuple[str, ...]
    suites: tuple[str, ...] = ("bookworm",)
    wheels: Wheels | None = None
    revision: int = 1

    @property
    def folder(self) -> Path:
        """Where it is kept, whether it is there or not."""
        digest = sha256_bytes(json.dumps([_FORMAT, to_record(self)], sort_keys=True).encode())[:12]
        return default_cache_folder() / "lab" / f"{self.name}-{digest}"


def root_filesystem(recipe: RootRecipe, finish: Callable[[Path], None] | None = None) -> Path:
    """The folder with the root filesystem of `recipe`, made if need be; `finish(root)` then adds to it.

    It appears whole or not at all; a second process waits for the first. Raises DeviceError where apt or pip fails,
    MissingError where this machine lacks a tool, StorageError.
    """
    lock = recipe.folder.with_name(f".{recipe.folder.name}.lock")
    with turn(lock, f"the lab's {recipe.name}", 2 * _STEP_S):
        if not recipe.folder.is_dir():
            with new_folder(recipe.folder) as root, tempfile.TemporaryDirectory(prefix="edgekit-apt-") as work:
                debs = _Apt(recipe, Path(work)).download()
                _unpack(debs, root, Path(work))
                _link(root)
                if recipe.wheels is not None:
                    _install(recipe, recipe.wheels, root)
                    _compile(recipe.wheels, root)
                if finish is not None:
                    finish(root)
    return recipe.folder


class _Apt:
    """apt with a state, a cache and sources of its own in the folder `work`."""

    def __init__(self, recipe: RootRecipe, work: Path) -> None:
        self._recipe = recipe
        self._work = work
        for folder in ("state/lists/partial", "cache/archives/partial", "empty"):
            (work / folder).mkdir(parents=True)
        (work / "status").touch()
        (work / "debian.sources").write_text(_sources(recipe))

    def download(self) -> list[Path]:
        """The packages of the recipe and all that they need."""
        recipe = self._recipe
        words = ["--download-only", "install", *recipe.packages]
        self._run("update")
        self._run("-t", recipe.suites[-1], *words)
        return sorted((self._work / "cache/archives").glob("*.deb"))

    def _run(self, *words: str) -> None:
        work, architecture = self._work, self._recipe.architecture
        settings = {
            "Dir::State": work / "state",
            "Dir::State::status": work / "status",
            "Dir::Cache": work / "cache",
            "Dir::Etc::SourceList": work / "debian.sources",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::PreferencesParts": work / "empty",
            "APT::Architecture": architecture,
            "APT::Architectures::": architecture,
            "APT::Sandbox::User": "",
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "APT::Update::Error-Mode": "any",  # else a mirror out of reach is a warning
            "Acquire::Retries": "3",
            "Debug::NoLocking": "1",
        }
        options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
        done = process.run([program("apt-get"), "-q", "-y", *options, *words], timeout_s=_STEP_S)
        done.require(f"apt for the lab's {self._recipe.name}", DeviceError, _HINT)


def _sources(recipe: RootRecipe) -> str:
    """One source: the mirror that this machine uses, if it is a Debian, and Debian's own keys."""
    if not _KEYRING.exists():
        raise MissingError(
            "the lab needs the Debian package debian-archive-keyring", "sudo apt-get install debian-archive-keyring"
        )
    lines = {"Types": "deb", "URIs": _mirror(), "Suites": " ".join(recipe.suites), "Components": "main"}
    lines |= {"Architectures": recipe.architecture, "Signed-By": str(_KEYRING)}
    return "".join(f"{name}: {value}\n" for name, value in lines.items())


def _mirror() -> str:
    """The mirror of this machine, where it is a Debian; other files than these two name other people's archives."""
    for name in ("sources.list.d/debian.sources", "sources.list"):
        with contextlib.suppress(OSError):
            text = (_SOURCES / name).read_text()
            if found := re.search(r"^[^#\n]*?(https?://\S+/debian)/?(?=\s|$)", text, re.MULTILINE):
                return found[1]
    return _MIRROR


def _unpack(debs: list[Path], root: Path, work: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):  # /usr is merged, as Debian's own has been since bookworm
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    (work / "left-out").write_text("\n".join(_LEFT_OUT))
    words = ["bash", "-c", _UNPACK, "bash", str(root), str(work / "left-out"), *map(str, debs)]
    process.run(words, timeout_s=_STEP_S).require("dpkg-deb", DeviceError)
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)


def _link(root: Path) -> None:
    """What `update-alternatives` in the maintainer scripts would have linked."""
    for library in ("blas", "lapack"):
        for folder in root.glob(f"usr/lib/*/{library}"):
            _symlink(folder.parent / f"lib{library}.so.3", f"{library}/lib{library}.so.3")
    for name, to in (("awk", "mawk"), ("which", "which.debianutils"), ("nc", "nc.openbsd")):
        if (root / "usr/bin" / to).exists():
            _symlink(root / "usr/bin" / name, to)


def _symlink(link: Path, to: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(to)


def _install(recipe: RootRecipe, wheels: Wheels, root: Path) -> None:
    """Unpack wheels where Debian's Python looks for what its administrator adds."""
    site = root / f"usr/local/lib/python{wheels.python}/dist-packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts"]
    chosen = ["--no-deps", "--no-compile", "--only-binary=:all:", "--implementation", "cp", "--target", str(site)]
    tags = [word for tag in wheels.platforms for word in ("--platform", tag)]
    words = [*pip, *chosen, *tags, "--python-version", wheels.python, *wheels.requirements]
    process.run(words, timeout_s=_STEP_S).require(f"pip for the lab's {recipe.name}", DeviceError, _HINT)


def _compile(wheels: Wheels, root: Path) -> None:
    """Compile to bytecode, which is the same on every processor, where this machine has the same Python; else it is
    slow at each start of one there."""
    python = shutil.which(f"python{wheels.python}")
    if python is None and f"{sys.version_info.major}.{sys.version_info.minor}" == wheels.python:
        python = sys.executable
    if python is None:
        return
    parts = (f"usr/lib/python{wheels.python}", "usr/lib/python3", "usr/local/lib")
    folders = [str(root / part) for part in parts if (root / part).is_dir()]
    quiet = ["-I", "-m", "compileall", "-qq", "-j", str(os.cpu_count() or 1), "-s", str(root), "-p", "/"]
    process.run([python, *quiet, *folders], timeout_s=_STEP_S)  # what does not compile is not imported either
