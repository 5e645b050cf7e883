"""Doors to the heavy dependencies: imported where they are used, and named when they are missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from edgekit.core.errors import MissingError

EXTRAS = {
    "keras": ("keras", "tensorflow", "h5py"),
    "torch": ("torch", "onnxscript"),
    "images": ("PIL",),
    "adb": ("adbutils",),
    "serial": ("serial",),
    "zig": ("ziglang",),
    "pyocd": ("pyocd",),
    "sign": ("cryptography",),
    "service": ("waitress",),
    "tflm": ("tflite_micro",),
    "vela": ("ethosu",),
}
"""Extra of setup.cfg -> modules that it brings."""


def installed(module: str) -> bool:
    """Whether `module` could be imported; imports nothing but its parents."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, which `extra` brings. Raises MissingError with the exact install command."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        raise MissingError(
            f"this needs the Python package {name}, which cannot be imported: {error}",
            f"pip install 'edgekit[{extra}]'",
        ) from error
