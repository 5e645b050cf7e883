"""The wheels that a board needs to run models, fetched on this machine for the board's Python and processor."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgekit.core import process
from edgekit.core.cache import Cache
from edgekit.core.errors import DeviceError, MissingError, UsageError
from edgekit.core.files import sha256_bytes, sha256_file
from edgekit.measure.board import Facts

REQUIREMENTS = "requirements.txt"
_FETCH_S = 900.0
_OLDEST_GLIBC = (2, 17)  # manylinux2014, the oldest that these packages are built for
_WHEEL = re.compile(r"(?P<name>[A-Za-z0-9_.]+)-(?P<version>[A-Za-z0-9_.!+]+)(-\d\w*)?-[\w.]+-[\w.]+-[\w.]+\.whl")
# What /proc says of a processor -> the wheels' name of it, by the size of a pointer. A 32-bit system on a 64-bit
# kernel calls its machine aarch64; ARMv6 (Pi Zero, Pi 1) has no wheels.
_ARCHITECTURE = {
    ("aarch64", 64): "aarch64",
    ("x86_64", 64): "x86_64",
    ("aarch64", 32): "armv7l",
    ("armv8l", 32): "armv7l",
    ("armv7l", 32): "armv7l",
}


@dataclass(frozen=True, slots=True)
class Needs:
    """What makes a board's Python able to run models.

    Attributes:
        packages: pip requirements; the first is the runtime.
        module: the runtime's module.
        system_site: numpy is the distribution's, because there is no wheel of it.
    """

    packages: tuple[str, ...]
    module: str
    system_site: bool


def needs_of(facts: Facts) -> Needs:
    """The runtime that fits a board: LiteRT where it has wheels, else tflite-runtime. Raises DeviceError for neither.

    ai-edge-litert: 64 bits, glibc 2.27, Python 3.9 (2.1) or 3.10 and newer (2.3, the version that edgekit uses itself).
    tflite-runtime: Python 3.8 to 3.11, also armv7l, and numpy 1 only; there are no armv7l wheels of numpy on PyPI.
    """
    architecture = _ARCHITECTURE.get((facts.machine, facts.bits))
    glibc = glibc_of(facts)
    what = f"Python {facts.version} on {facts.machine} with {facts.bits} bits"
    if architecture is None or glibc is None:
        raise DeviceError(f"no runtime has wheels for {what} ({facts.libc or 'not glibc'})", "another system, or board")
    if facts.bits == 64 and glibc >= (2, 27) and facts.minor >= (3, 9):
        return Needs(
            ("ai-edge-litert>=2.3,<2.4" if facts.minor >= (3, 10) else "ai-edge-litert",), "ai_edge_litert", False
        )
    if facts.minor > (3, 11):
        raise DeviceError(
            f"no runtime has wheels for {what}: tflite-runtime ends with Python 3.11",
            "a 64-bit system on the board, for LiteRT; or an older Python there, with --python PATH",
        )
    if facts.bits == 64:
        return Needs(("tflite-runtime", "numpy<2"), "tflite_runtime", False)
    if not facts.numpy or not facts.numpy.startswith("1."):
        found = f"has numpy {facts.numpy}" if facts.numpy else "has no numpy"
        raise DeviceError(
            f"{facts.path} {found}, and tflite-runtime needs the distribution's numpy 1 on 32 bits",
            "on the board: sudo apt install python3-numpy",
        )
    return Needs(("tflite-runtime",), "tflite_runtime", True)


def glibc_of(facts: Facts) -> tuple[int, int] | None:
    """The board's glibc, or None where it has another C library."""
    match = re.fullmatch(r"glibc-(\d+)\.(\d+).*", facts.libc)
    return (int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class Parcel:
    """Wheels for one board, with the requirements file that pins each to its hash; pip's own wheel is apart."""

    wheels: tuple[Path, ...]
    pip: Path
    requirements: str

    @property
    def digest(self) -> str:
        """A name for what would be installed."""
        return sha256_bytes(self.requirements.encode())


def fetch(facts: Facts, needs: Needs, cache: Cache) -> Parcel:
    """The wheels from the package index, kept in the cache with their hashes. Raises MissingError, DeviceError."""
    packages = tuple(p for p in needs.packages if not needs.system_site or not p.startswith("numpy"))
    tags = platform_tags(facts)
    key = {
        "packages": list(packages),
        "python": list(facts.minor),
        "tags": list(tags),
        "dependencies": not needs.system_site,
    }

    def make(folder: Path) -> None:
        (folder / "pip").mkdir()
        _download(("pip",), ("any",), facts, folder / "pip", with_dependencies=False)
        (folder / "wheels").mkdir()
        # On 32 bits tflite-runtime's only dependency is numpy, which is the distribution's.
        _download(packages, tags, facts, folder / "wheels", with_dependencies=not needs.system_site)

    folder = cache.get("wheels", key, make)
    return parcel_of(folder / "wheels", _pip_in(folder / "pip"))


def fetch_pip(facts: Facts, cache: Cache) -> Path:
    """pip's own wheel, for a board whose Python has none. Raises MissingError, DeviceError."""
    key = {"packages": ["pip"], "python": list(facts.minor)}

    def make(folder: Path) -> None:
        _download(("pip",), ("any",), facts, folder, with_dependencies=False)

    return _pip_in(cache.get("wheels", key, make))


def given(folder: Path) -> Parcel:
    """The wheels that a person has put into `folder`, pip's own among them. Raises UsageError."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder of wheels")
    return parcel_of(folder, _pip_in(folder))


def parcel_of(folder: Path, pip: Path) -> Parcel:
    """Every wheel in `folder` but pip's, pinned. Raises UsageError for two versions of one package, or none."""
    wheels = tuple(sorted(path for path in folder.glob("*.whl") if not path.name.startswith("pip-")))
    if not wheels:
        raise UsageError(f"there are no wheels in {folder}")
    return Parcel(wheels, pip, "".join(_pinned(wheels)))


def _pinned(wheels: tuple[Path, ...]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for path in wheels:
        match = _WHEEL.fullmatch(path.name)
        if match is None:
            raise UsageError(f"{path} is not named as a wheel is")
        name, version = match["name"].lower().replace("_", "-"), match["version"]
        if name in seen:
            raise UsageError(f"{path.parent} has {name} twice: {seen[name]} and {version}", "leave one of them")
        seen[name] = version
        yield f"{name}=={version} --hash=sha256:{sha256_file(path)}\n"


def platform_tags(facts: Facts) -> tuple[str, ...]:
    """The wheel tags that fit the board, newest first (PEP 600)."""
    architecture, glibc = _ARCHITECTURE[(facts.machine, facts.bits)], glibc_of(facts)
    newest = glibc[1] if glibc else _OLDEST_GLIBC[1]
    versions = range(newest, _OLDEST_GLIBC[1] - 1, -1)
    return (*(f"manylinux_2_{minor}_{architecture}" for minor in versions), f"manylinux2014_{architecture}")


def _download(
    packages: tuple[str, ...], tags: tuple[str, ...], facts: Facts, folder: Path, *, with_dependencies: bool
) -> None:
    """pip's `download` for another machine: wheels alone, nothing is built and no code of a package runs."""
    version = ".".join(map(str, facts.minor))
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    argv += ["--only-binary=:all:", "--implementation", "cp", "--python-version", version, "--dest", str(folder)]
    for tag in tags:
        argv += ["--platform", tag]
    argv += [] if with_dependencies else ["--no-deps"]
    done = process.run([*argv, *packages], timeout_s=_FETCH_S)
    if "No module named pip" in done.stderr:
        raise MissingError("fetching wheels needs pip beside edgekit", f"{sys.executable} -m ensurepip")
    failure = done.failure(f"fetching {', '.join(packages)} for Python {version} on {tags[0]}")
    if failure:
        raise DeviceError(failure, "look at the network, or give the wheels with --wheels FOLDER")


def _pip_in(folder: Path) -> Path:
    found = sorted(folder.glob("pip-*.whl"))
    if not found:
        raise UsageError(f"{folder} has no wheel of pip itself", f"pip download --no-deps --dest {folder} pip")
    return found[-1]
