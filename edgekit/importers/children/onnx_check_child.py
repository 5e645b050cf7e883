"""Is model.tflite what ONNX Runtime (or PyTorch) computed? In a process of its own: a runtime may crash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ai_edge_litert
import numpy as np

from edgekit.core.errors import ModelError
from edgekit.importers.children import tf_conversion as tail
from edgekit.importers.selfcheck import Agreement, Array, Departure, Feed, Named, compare, first_departure, require
from edgekit.runtime.litert import Kernels, LiteRT


def main(request: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Compare on the feeds in `folder`; answers with versions, notes and the self check."""
    data = (folder / "model.tflite").read_bytes()
    feeds = [_named(request["inputs"], folder / name) for name in request["feeds"]]
    references = [_named(request["outputs"], folder / name) for name in request["references"]]
    results = run(data, feeds)
    moved = {name: _layout(name, references, results) for name in request["outputs"]}
    results = [{name: np.transpose(out[name], axes) for name, axes in moved.items()} for out in results]
    agreement = compare(references, results)
    require(agreement, request["what"], departure(agreement, data, feeds[0], request, folder))
    versions = tail.versions(ai_edge_litert)
    return {"versions": versions, "notes": list(_notes(moved, references)), "check": agreement.to_json()}


def _named(names: Sequence[str], path: Path) -> dict[str, Array]:
    with np.load(path) as file:
        return dict(zip(names, (file[f"arr_{at}"] for at in range(len(file.files))), strict=True))


def run(data: bytes, feeds: Sequence[Feed]) -> list[dict[str, Array]]:
    """Outputs of the TFLite model."""
    runtime = LiteRT(data, kernels=Kernels.BUILTIN)
    types = {info.name: info.dtype for info in runtime.inputs}
    results = []
    for feed in feeds:
        runtime.reset_variables()  # ONNX starts every run with a fresh state, TFLite goes on with the last one
        results.append(runtime.run({name: array.astype(types[name]) for name, array in feed.items()}))
    return results


def _layout(name: str, references: Sequence[Feed], results: Sequence[Feed]) -> tuple[int, ...]:
    """The transposition that takes output `name` of the result back to the source's layout.

    Where several fit the shape, the one that brings the values closest. Raises ModelError where none fits.
    """
    expected, got = references[0][name], results[0][name]
    same = tuple(range(got.ndim))
    layouts = [same, (0, got.ndim - 1, *range(1, got.ndim - 1))] if got.ndim > 2 else [same]
    fitting = [axes for axes in layouts if np.transpose(got, axes).shape == expected.shape]
    if not fitting:
        raise ModelError(f"output {name} has the shape {got.shape} after the import, in the source {expected.shape}")
    return min(fitting, key=lambda axes: _distance(expected, np.transpose(got, axes)))


def _distance(a: Array, b: Array) -> float:
    return float(np.nan_to_num(np.abs(a.astype(np.float64) - b), nan=np.inf).max(initial=0))


def _notes(moved: Mapping[str, tuple[int, ...]], references: Sequence[Feed]) -> Iterator[str]:
    for name, axes in moved.items():
        if axes != tuple(sorted(axes)):
            shape = references[0][name].shape
            now = (shape[0], *shape[2:], shape[1])
            yield f"output {name} was {shape} with channels first and is now {now} with channels last"


def departure(
    agreement: Agreement, data: bytes, feed: Feed, request: Mapping[str, Any], folder: Path
) -> Departure | None:
    """Where the two part, looked for only when they do."""
    if agreement.holds or not request["tensors"]:
        return None
    source = [Named(name, array) for name, array in _named(request["tensors"], folder / request["trace"]).items()]
    return first_departure(source, tail.tflite_tensors(data, feed))
