"""Says what an interpreter on a device is and has. A file of its own: it is copied to the device.

    python probe_worker.py

Python 3.8 and the standard library; one JSON object on standard output. Nothing is imported that could be slow or
crash: packages are looked up, not loaded.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import struct
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_RUNTIMES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}


def facts() -> dict[str, Any]:
    """What there is; an absent package is an empty text."""
    return {
        "executable": sys.executable,
        "version": platform.python_version(),
        "machine": platform.machine(),
        "bits": struct.calcsize("P") * 8,
        "libc": "-".join(platform.libc_ver()),
        "numpy": _version("numpy", "numpy"),
        "runtimes": {package: _version(package, module) for package, module in _RUNTIMES.items()},
        "modules": {name: _has(name) for name in ("venv", "ensurepip", "pip")},
        "home": str(Path.home()),
        "memory_bytes": _memory_bytes(),
        "emulated": _read("/etc/edgekit-lab").strip(),
        "board": _board(),
    }


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _version(package: str, module: str) -> str:
    """The version of an installed package, "unknown" where only its module is there."""
    if not _has(module):
        return ""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0


def _board() -> str:
    """The device tree's name of the board."""
    texts = (_read(path) for path in ("/proc/device-tree/model", "/sys/firmware/devicetree/base/model"))
    return next(filter(None, texts), "").strip("\0 \n")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.stdout.write(json.dumps(facts()) + "\n")
