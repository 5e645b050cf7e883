"""Which versions had a hand in a bundle."""

from __future__ import annotations

import platform
from importlib import metadata

import edgekit

LIBRARIES = ("numpy", "flatbuffers", "ai-edge-litert", "litert-quantizer")


def versions(more: tuple[str, ...] = ()) -> dict[str, str]:
    """Name -> version of edgekit, Python and the libraries that are installed, `more` beside the usual ones."""
    found = {"edgekit": edgekit.__version__, "python": platform.python_version()}
    for name in (*LIBRARIES, *more):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
