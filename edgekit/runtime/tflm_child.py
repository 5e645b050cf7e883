"""Runs in a child process (see `runtime.tflm`): TensorFlow Lite Micro, whose failures may be aborts."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.core.extras import require

_SOURCE_FILE = re.compile(r"^\S+\.(cc|h)\S* ")
_STEP_BYTES = 16
_FIRST_BYTES = 1 << 16
_MOST_BYTES = 1 << 30


def main(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The least arena, and `output_N.npy` for the samples in `input_N.npy`."""
    model = (folder / "model.tflite").read_bytes()
    arena_bytes = least_arena(model)
    inputs = [np.load(folder / f"input_{i}.npy") for i in range(request["inputs"])]
    outputs = run(model, arena_bytes, inputs, request["keeps_state"])
    for i, array in enumerate(outputs):
        np.save(folder / f"output_{i}.npy", array)
    return {"arena_bytes": arena_bytes, "outputs": len(outputs)}


def least_arena(model: bytes) -> int:
    """By doubling, then by halves. Raises ModelError where TFLM takes the model with no arena."""
    high = _FIRST_BYTES
    while (why := refusal(model, high)) is not None:
        high *= 2
        if high > _MOST_BYTES:
            raise ModelError(f"TensorFlow Lite Micro does not take the model: {why}", "")
    low = 0 if high == _FIRST_BYTES else high // 2
    while high - low > _STEP_BYTES:
        middle = (low + high) // 2 // _STEP_BYTES * _STEP_BYTES
        low, high = (middle, high) if refusal(model, middle) is not None else (low, middle)
    return high


def refusal(model: bytes, arena_bytes: int) -> str | None:
    """Why TFLM does not set the model up and run it in so many bytes, or None where it does.

    The reason is the first line that it writes to standard error; its exception says no more than that it failed.
    """
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            interpreter(model, arena_bytes).invoke()
            return None
        except (RuntimeError, ValueError) as error:
            file.seek(0)
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
            return next((_SOURCE_FILE.sub("", line) for line in lines if line), str(error).strip())
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def interpreter(model: bytes, arena_bytes: int) -> Any:
    """TFLM with all of its operators, tensors allocated."""
    micro = require("tflite_micro", "tflm")  # here, in a child: it may abort
    return micro.runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)


def run(model: bytes, arena_bytes: int, inputs: list[np.ndarray], keeps_state: bool) -> list[np.ndarray]:
    """Outputs for every sample, one inference after the other; none without samples."""
    if not inputs:
        return []
    micro = interpreter(model, arena_bytes)
    rows: list[list[np.ndarray]] = []
    for sample in zip(*inputs, strict=True):
        if not keeps_state:
            micro.reset()
        for i, values in enumerate(sample):
            micro.set_input(values, i)
        micro.invoke()
        rows.append(outputs_of(micro))
    return [np.stack(column) for column in zip(*rows, strict=True)]


def outputs_of(micro: Any) -> list[np.ndarray]:
    """All outputs; TFLM has no count of them, but raises beyond the last."""
    found: list[np.ndarray] = []
    while True:
        try:
            found.append(np.array(micro.get_output(len(found))))
        except (IndexError, RuntimeError, ValueError):
            return found
