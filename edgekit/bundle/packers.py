"""What each kind of target wants beside `model.tflite`: one packer a kind."""

from __future__ import annotations

from collections.abc import Callable

from edgekit.bundle.packed import PackJob, Part
from edgekit.core.registry import Registry

Packer = Callable[[PackJob], tuple[Part, ...]]
"""From a model and its target to more folders of the bundle: the same job gives the same bytes."""

PACKERS: Registry[Packer] = Registry(
    "packer",
    {
        "android": ("edgekit.bundle.packers:nothing_more", "the model file, which LiteRT maps into memory"),
        "linux": ("edgekit.bundle.packers:nothing_more", "the model file"),
        "local": ("edgekit.bundle.packers:nothing_more", "the model file"),
        "mcu": ("edgekit.bundle.mcu:pack_mcu", "the model for TensorFlow Lite Micro, as C, and for an NPU"),
    },
)


def nothing_more(job: PackJob) -> tuple[Part, ...]:
    """No file beside the model."""
    return ()
