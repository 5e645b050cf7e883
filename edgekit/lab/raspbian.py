"""The Linux of the lab's emulated Pis: Debian for their processor, its Python, numpy, and the runtime for models."""

from __future__ import annotations

from importlib import metadata

from edgekit.lab.debs import RootRecipe, Wheels

PYTHON = "3.11"  # of Debian bookworm
_SYSTEM = (
    "dash",
    "bash",
    "coreutils",
    "libc-bin",
    "util-linux",
    "procps",
    "findutils",
    "grep",
    "sed",
    "mawk",
    "tar",
    "gzip",
    "debianutils",
    "openssh-server",
    "openssh-sftp-server",
    "python3",
    "python3-numpy",
    "python3-venv",
    "libgomp1",
    "libstdc++6",
)
_LITERT_NEEDS = ("flatbuffers", "backports.strenum", "ml_dtypes", "protobuf", "tqdm", "typing_extensions")
_AARCH64 = (*(f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 17)), "manylinux2014_aarch64")
_TFLITE_RUNTIME = "tflite-runtime==2.14.0"  # the last one; LiteRT has no wheel for 32 bits


def raspbian(architecture: str) -> RootRecipe:
    """The root filesystem of a board: arm64 with the LiteRT of this machine, armhf with tflite-runtime."""
    if architecture == "arm64":
        litert = f"ai-edge-litert=={metadata.version('ai-edge-litert')}"
        wheels = Wheels((litert, *_LITERT_NEEDS), _AARCH64, PYTHON)
    else:
        wheels = Wheels((_TFLITE_RUNTIME,), ("manylinux_2_34_armv7l",), PYTHON)
    return RootRecipe(f"pi-{architecture}", architecture, _SYSTEM, wheels=wheels)
