"""TensorFlow Lite Micro on this machine: how large an arena it needs, and what it computes.

It is the PyPI package `tflite-micro` (the extra `tflm`), always in a child process: it aborts where it cannot go on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.core.errors import MissingError, ModelError
from edgekit.core.extras import installed
from edgekit.core.process import JsonCall, run_json

Array = NDArray[Any]
PACKAGE, EXTRA = "tflite-micro", "tflm"
_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, eq=False)
class TflmRun:
    """What TensorFlow Lite Micro needed and gave.

    Attributes:
        arena_bytes: the least with which it sets up and runs, to 16 bytes, with its reference kernels on this machine,
            whose pointers are at least as wide as a microcontroller's.
        outputs: stored values in the graph's order, each (samples, *shape); empty without samples.
        version: of the package.
    """

    arena_bytes: int
    outputs: tuple[Array, ...]
    version: str


def require_tflm() -> None:
    """Raises MissingError with the command where the package is not here."""
    if not installed("tflite_micro"):
        raise MissingError(
            "TensorFlow Lite Micro is not installed on this machine (the Python package tflite-micro)",
            f"pip install 'edgekit[{EXTRA}]'",
        )


def run_tflm(model: bytes, inputs: tuple[Array, ...] = (), *, keeps_state: bool = False) -> TflmRun:
    """Find the arena of `model` and run it on `inputs`: stored values in the graph's order, each (samples, *shape).

    Each sample finds the model's variables as they are at the beginning, or with `keeps_state` as the last one left
    them.

    Raises MissingError without the package, ModelError where TFLM refuses the model or crashes.
    """
    require_tflm()
    call = JsonCall("TensorFlow Lite Micro", Path(__file__).with_name("tflm_child.py"), timeout_s=_TIMEOUT_S)
    with tempfile.TemporaryDirectory(prefix="edgekit-tflm-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(model)
        for i, array in enumerate(inputs):
            np.save(folder / f"input_{i}.npy", array)
        result: Mapping[str, object] = run_json(call, {"inputs": len(inputs), "keeps_state": keeps_state}, folder)
        arena, count = result.get("arena_bytes"), result.get("outputs")
        if not isinstance(arena, int) or not isinstance(count, int):
            raise ModelError("TensorFlow Lite Micro ended without a result")
        outputs = tuple(np.load(folder / f"output_{i}.npy") for i in range(count))
    return TflmRun(arena, outputs, metadata.version(PACKAGE))
