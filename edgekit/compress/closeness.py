"""How near a changed model's outputs are to the original's."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from edgekit.compress.probe import Feed
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.runtime.litert import LiteRT

BEST_DB = 120.0
"""What equal outputs count as."""


def output_sqnr_db(original: Model, changed: Model, feeds: Iterable[Feed]) -> float:
    """Signal over error of all float outputs together, in dB; `BEST_DB` at most. Integer outputs count as numbers."""
    first, second = LiteRT(write(original)), LiteRT(write(changed))
    signal = error = 0.0
    for feed in feeds:
        for runtime in (first, second):
            runtime.reset_variables()
        right, found = first.run_float(feed), second.run_float(feed)
        for name, values in right.items():
            reference = values.astype(np.float64)
            signal += float(np.square(reference).sum())
            error += float(np.square(found[name].astype(np.float64) - reference).sum())
    return decibels(signal, error)


def decibels(signal: float, error: float) -> float:
    """10 log10 of their ratio, at most `BEST_DB`."""
    if error <= signal * 10 ** (-BEST_DB / 10):
        return BEST_DB
    return 10 * math.log10(max(signal, 1e-300) / error)
