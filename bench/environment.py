"""An environment of its own for a rival whose pins clash with ours: made on first use from a file in requirements/."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from edgekit.core.cache import default_cache_folder
from edgekit.core.errors import MissingError
from edgekit.core.files import sha256_bytes
from edgekit.core.process import run

_PINS = Path(__file__).with_name("requirements")
_LONGEST_S = 3600.0


def python_of(name: str) -> Path:
    """The interpreter of the environment with the pins of `requirements/<name>.txt`, in the cache folder.

    Raises MissingError with pip's last line where it cannot be made.
    """
    pins = _PINS / f"{name}.txt"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = sha256_bytes(pins.read_bytes() + version.encode() + sys.base_prefix.encode())[:12]
    folder = default_cache_folder() / "environments" / f"bench-{name}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        hint = "is the package index reachable? the pins are for Python 3.11 on Linux x86-64"
        make = run([sys.executable, "-m", "venv", folder], timeout_s=_LONGEST_S)
        make.require(f"making an environment for {name}", MissingError, "python -m venv must work")
        argv = [python, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--requirement", pins]
        run(argv, timeout_s=_LONGEST_S).require(f"installing {pins.name}", MissingError, hint)
        (folder / "complete").touch()
    return python
