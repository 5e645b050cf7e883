"""Models and samples that a command was given as paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.core.progress import Progress, Silent

if TYPE_CHECKING:
    from edgekit.data.feed import Feed, ModelInput

RANDOM_SEED = 0


def model_bytes(path: Path, progress: Progress | None = None) -> bytes:
    """The .tflite bytes of a bundle, or of any model file that can be imported. Raises ModelError and UsageError."""
    from edgekit.bundle.manifest import MANIFEST
    from edgekit.bundle.read import open_bundle
    from edgekit.graph.codec import write
    from edgekit.importers.base import ImportOptions
    from edgekit.importers.registry import import_model

    if (path / MANIFEST).is_file() or path.suffix == ".edgekit":
        return open_bundle(path).model_bytes
    return write(import_model(path, ImportOptions(), progress or Silent()).model)


def feeds_for(model: bytes, data: Path | None, limit: int) -> Iterator[Feed]:
    """Samples of the dataset at `data` as the float model takes them; without one, seeded random ones."""
    from edgekit.data.dataset import open_dataset
    from edgekit.data.feed import ModelInput, bind
    from edgekit.graph.codec import read

    ports = [ModelInput(p.name, p.tensor.shape, p.tensor.dtype.numpy) for p in read(model).inputs()]
    if data is not None:
        yield from bind(open_dataset(data), ports).feeds(limit)
    else:
        yield from _random(ports, limit)


def _random(ports: list[ModelInput], limit: int) -> Iterator[Feed]:
    import numpy as np

    from edgekit.data.feed import Feed

    generator = np.random.default_rng(RANDOM_SEED)
    for _ in range(limit):
        inputs = {}
        for port in ports:
            values = generator.standard_normal(port.shape) if port.dtype.kind == "f" else np.zeros(port.shape)
            inputs[port.name] = values.astype(port.dtype)
        yield Feed(inputs, None)
