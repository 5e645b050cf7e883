"""What each kind of target wants beside `model.tflite`: one packer a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from edgekit.core.registry import Registry

Packer = Callable[[bytes], Mapping[str, bytes]]
"""From the model's bytes to more files of the bundle: path -> content."""

PACKERS: Registry[Packer] = Registry(
    "packer",
    {
        "android": ("edgekit.bundle.packers:nothing_more", "the model file, which LiteRT maps into memory"),
        "linux": ("edgekit.bundle.packers:nothing_more", "the model file"),
        "local": ("edgekit.bundle.packers:nothing_more", "the model file"),
        "mcu": ("edgekit.bundle.tflm:pack_tflm", "the model as a C array, and the operators to register"),
    },
)


def nothing_more(model: bytes) -> Mapping[str, bytes]:
    """No file beside the model."""
    return {}
