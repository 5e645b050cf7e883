"""Generated C against LiteRT where they need not agree bit for bit: functions that LiteRT takes from libm."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import the_graph
from edgekit.graph.codec import read
from edgekit.runtime.litert import Kernels
from tests.unit.codegen.host import Array, compiled, random_samples, reference, run


def ulps_apart(mine: Array, wanted: Array, least: float) -> float:
    """The greatest distance in units of the last place of `wanted`, which count as those of `least` at least."""
    unit = np.spacing(np.maximum(np.abs(wanted), np.float32(least))).astype(np.float64)
    return float(np.max(np.abs(mine.astype(np.float64) - wanted.astype(np.float64)) / unit))


def assert_within(
    model: bytes, folder: Path, ulps: float, least: float = 0.0, kernels: Kernels = Kernels.REFERENCE
) -> None:
    """float32 outputs of 12 runs in a row, each within `ulps` of LiteRT's kernels."""
    graph = the_graph(read(model))
    samples = random_samples(graph, 12)
    found = run(compiled(model, Settings(), folder), graph, samples)
    for ours, theirs in zip(found, reference(model, samples, kernels), strict=True):
        for mine, wanted in zip(ours, theirs, strict=True):
            assert ulps_apart(mine, wanted.reshape(mine.shape), least) <= ulps
