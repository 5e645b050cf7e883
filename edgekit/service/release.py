"""A release: a bundle's folder as the service loads it, with every file it uses compared with its hash."""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgekit.bundle.manifest import GOLDEN, MANIFEST, MODEL, Manifest, ParityBound
from edgekit.core.errors import ModelError, StorageError
from edgekit.core.files import sha256_bytes

Array = NDArray[Any]
XNNPACK = "xnnpack"  # the kernels that serve


@dataclass(frozen=True, slots=True, eq=False)
class Release:
    """What is served.

    Attributes:
        golden_inputs, golden_outputs: stored values in the model's order, each (samples, *shape); empty without golden
            samples.
    """

    folder: Path
    manifest: Manifest
    model: bytes
    golden_inputs: tuple[Array, ...]
    golden_outputs: tuple[Array, ...]

    @property
    def digest(self) -> str:
        """The manifest's digest, which names the release."""
        return self.manifest.digest

    def difference(self, outputs: list[list[Array]]) -> str:
        """The first output, of all golden samples run in order, that is out of its bound; empty where all are near."""
        spec = self.manifest.golden
        bounds = {b.output: b for b in spec.bounds if b.kernels == XNNPACK} if spec else {}
        for sample, found in enumerate(outputs):
            for port, expected, array in zip(self.manifest.outputs, self.golden_outputs, found, strict=True):
                off = _difference(expected[sample], array)
                if not off <= _limit(bounds.get(port.name)):
                    return f"golden sample {sample}: output {port.name} is {off:.4g} off"
        return ""


def load_release(folder: Path) -> Release:
    """The release in `folder`. Raises ModelError where a file is not what the manifest says, StorageError."""
    manifest = Manifest.from_bytes(_read(folder / MANIFEST), str(folder / MANIFEST))
    wanted = {entry.path: entry for entry in manifest.files}
    if MODEL not in wanted:
        raise ModelError(f"{folder} lists no {MODEL}")
    contents = {}
    for name in (MODEL, GOLDEN):
        if name in wanted:
            contents[name] = _read(folder / name)
            if sha256_bytes(contents[name]) != wanted[name].sha256:
                raise ModelError(f"{folder / name} is not the file that the manifest lists")
    inputs, outputs = _golden(contents.get(GOLDEN), len(manifest.inputs), len(manifest.outputs), folder)
    return Release(folder, manifest, contents[MODEL], inputs, outputs)


def _read(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as file:
            return file.read()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error


def _golden(
    data: bytes | None, input_count: int, output_count: int, folder: Path
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    if data is None:
        return (), ()
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            inputs = tuple(file[f"input_{i}"] for i in range(input_count))
            outputs = tuple(file[f"output_{i}"] for i in range(output_count))
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"{folder / GOLDEN} is damaged: {error}") from error
    return inputs, outputs


def _limit(bound: ParityBound | None) -> float:
    if bound is None:
        return 0.0
    return float(bound.steps if bound.steps is not None else bound.absolute or 0.0)


def _difference(expected: Array, found: Array) -> float:
    if expected.shape != found.shape:
        return float("inf")
    return float(np.max(np.abs(expected.astype(np.float64) - found.astype(np.float64)), initial=0.0))
