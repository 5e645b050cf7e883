"""The training, as a child process runs it: TensorFlow lives and prints here."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np


def main(request: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Train student.tflite against teacher.tflite; leaves what was learnt in learned.npz and answers how it went."""
    from edgekit.compress.distill.options import DistillOptions
    from edgekit.compress.distill.training import Training
    from edgekit.core.extras import require
    from edgekit.core.files import write_atomic
    from edgekit.graph.codec import read

    tf: Any = require("tensorflow", "keras")
    tf.config.threading.set_intra_op_parallelism_threads(1)  # sums in one order: the same bytes every time
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.random.set_seed(0)  # none is drawn from, but determinism wants one
    student, teacher = (read((folder / f"{name}.tflite").read_bytes()) for name in ("student", "teacher"))
    training = Training(student, teacher, DistillOptions.from_mapping(request["options"]), folder)
    training.run()
    arrays = {}
    for learned in training.student.learned.values():
        arrays[f"value{learned.parameter.index}"] = learned.real()
        scale = learned.scale()
        if scale is not None:
            arrays[f"scale{learned.parameter.index}"] = scale
    for number, step in training.student.steps.items():
        arrays[f"group{number}"] = np.exp(np.asarray(step))
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    write_atomic(folder / "learned.npz", buffer.getvalue())
    return asdict(training.course)
