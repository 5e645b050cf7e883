"""Backends whose pins clash with ours live in environments of their own, made on first use.

An environment is a virtual environment in the cache folder, named by the hash of everything it is made from. It is
built aside under a lock and renamed when it is complete, so a half-built one is never used. It is called as
`python script` (see `core.process.run_json`): scripts in its bin folder would not survive the rename.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgekit.core.cache import default_cache_folder
from edgekit.core.errors import MissingError, StorageError, UsageError
from edgekit.core.files import sha256_bytes
from edgekit.core.process import Completed, run
from edgekit.core.progress import Progress

INSTALL_TIMEOUT_S = 3600.0
_PINS = Path(__file__).with_name("backends")
_MISDIRECTING = frozenset(
    {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONHOME", "PYTHONPATH"}
)


@dataclass(frozen=True, slots=True)
class Backend:
    """A converter with requirements of its own.

    Attributes:
        requirements: file in `backends/` with the exact pins.
        pip_options: for `pip install`, beside the pins.
        newest_python: the newest (major, minor) that the pins exist for, or None.
    """

    name: str
    title: str
    requirements: str
    pip_options: tuple[str, ...] = ()
    newest_python: tuple[int, int] | None = None

    @property
    def pins(self) -> str:
        """The content of the requirements file."""
        return (_PINS / self.requirements).read_text()


BACKENDS: Mapping[str, Backend] = {
    backend.name: backend
    for backend in (
        # onnx2tf declares Python >= 3.12 and exact pins that no other package meets; its direct path needs neither.
        Backend("onnx2tf", "onnx2tf 2.6, for ONNX", "onnx2tf.txt", ("--no-deps", "--ignore-requires-python")),
        Backend("onnx-tf", "onnx-tf 1.10, the second for ONNX", "onnx_tf.txt", newest_python=(3, 11)),
    )
}


def folder(name: str) -> Path:
    """Where the environment of backend `name` is, or would be. Raises UsageError for an unknown name."""
    backend = _backend(name)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = sha256_bytes("\n".join((backend.pins, *backend.pip_options, version, sys.base_prefix)).encode())[:12]
    return default_cache_folder() / "environments" / f"{name}-{digest}"


def installed(name: str) -> bool:
    """Whether backend `name` is ready for use. Raises UsageError for an unknown name."""
    return _python(folder(name)).exists()


def ensure(name: str, progress: Progress) -> Path:
    """The Python interpreter of backend `name`, whose environment is made first where it is not there.

    Raises MissingError where it cannot be installed, StorageError where it cannot be written.
    """
    place = folder(name)
    if not installed(name):
        _require_python(_backend(name))
        with _lock(place):
            if not installed(name):  # another process may have made it while we waited
                _build(_backend(name), place, progress)
    return _python(place)


def install(name: str, progress: Progress) -> Path:
    """Make the environment of backend `name` anew (`edgekit doctor --install NAME`). As `ensure`."""
    place = folder(name)
    _require_python(_backend(name))
    with _lock(place):
        _build(_backend(name), place, progress)
    return _python(place)


def _backend(name: str) -> Backend:
    if name not in BACKENDS:
        raise UsageError(f"there is no backend called {name!r}", f"known: {', '.join(BACKENDS)}")
    return BACKENDS[name]


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _require_python(backend: Backend) -> None:
    if backend.newest_python and sys.version_info[:2] > backend.newest_python:
        newest = ".".join(map(str, backend.newest_python))
        raise MissingError(
            f"the {backend.name} backend exists for Python {newest} at most; this is {sys.version.split()[0]}",
            f"install edgekit with Python {newest} to use it",
        )


@contextlib.contextmanager
def _lock(place: Path) -> Iterator[None]:
    """One builder of `place` at a time; others wait."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with Path(f"{place}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise StorageError(f"cannot write {place}: {error.strerror or error}") from error


def _build(backend: Backend, place: Path, progress: Progress) -> None:
    """Under the lock: a complete environment takes the place of what is at `place`."""
    staging = Path(f"{place}.staging")
    progress.start(f"install {backend.title}", 3)
    try:
        shutil.rmtree(staging, ignore_errors=True)
        _make_venv(backend, staging)
        progress.advance()
        _pip_install(backend, staging)
        progress.advance()
        shutil.rmtree(place, ignore_errors=True)
        staging.rename(place)
        progress.advance()
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        progress.finish()


def _make_venv(backend: Backend, staging: Path) -> None:
    done = run([sys.executable, "-m", "venv", staging], timeout_s=INSTALL_TIMEOUT_S, env=_environment())
    _require(done, backend, "python -m venv must work: on Debian it is the package python3-venv")
    own_settings = Path(sys.prefix) / "pip.conf"  # pip reads this file of an environment only there
    if own_settings.exists():
        shutil.copy(own_settings, staging / "pip.conf")


def _pip_install(backend: Backend, staging: Path) -> None:
    pip: list[str | Path] = [_python(staging), "-m", "pip", "install"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    argv = [*pip, *quiet, *backend.pip_options, "--requirement", _PINS / backend.requirements]
    done = run(argv, timeout_s=INSTALL_TIMEOUT_S, env=_environment())
    _require(done, backend, f"is the package index reachable? then: edgekit doctor --install {backend.name}")


def _require(done: Completed, backend: Backend, hint: str) -> None:
    done.require(f"installing the {backend.name} backend", MissingError, hint)


def _environment() -> dict[str, str]:
    """Ours, with the person's pip settings, but without what would send packages elsewhere."""
    return {name: value for name, value in os.environ.items() if name not in _MISDIRECTING}
