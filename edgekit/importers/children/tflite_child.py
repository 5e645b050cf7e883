"""A trial of a TFLite file, in a process of its own: a damaged one may crash the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ai_edge_litert

from edgekit.importers.children import tf_conversion as tail
from edgekit.importers.selfcheck import Port, compare, feeds_for, require
from edgekit.runtime.litert import Kernels, LiteRT


def main(request: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Run source.tflite and what edgekit made of it, model.tflite, on the same samples, with the same kernels."""
    source, data = ((folder / name).read_bytes() for name in ("source.tflite", "model.tflite"))
    runtime = LiteRT(data, kernels=Kernels.BUILTIN)
    ports = [Port(info.name, info.shape, info.dtype.name) for info in runtime.inputs]
    feeds = feeds_for(ports, tail.read_samples(request["samples"], folder), tail.index_bound(data))
    result = tail.run_tflite(data, feeds, ports)
    names = list(result[0])
    expected = [dict(zip(names, run.values(), strict=True)) for run in tail.run_tflite(source, feeds, ports)]
    agreement = compare(expected, result)
    require(agreement, "the TFLite file", None)
    return {"versions": tail.versions(ai_edge_litert), "notes": [], "check": agreement.to_json()}
