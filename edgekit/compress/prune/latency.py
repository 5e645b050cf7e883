"""How long models take on this machine, against each other."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from edgekit.compress.probe import Feed
from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.runtime.litert import LiteRT

ROUNDS = 7
"""Models take turns in so many rounds: a busy moment hits all of them."""

_ROUND_S = 0.05  # of each model in a round


def latencies_us(models: Sequence[Model], feed: Feed) -> tuple[float, ...]:
    """Microseconds of one run of each model, one thread: the median of a round, and of the rounds the least."""
    runtimes = [LiteRT(write(model)) for model in models]
    best = [float("inf")] * len(models)
    for _ in range(ROUNDS):
        for number, runtime in enumerate(runtimes):
            best[number] = min(best[number], _median_us(runtime, feed))
    return tuple(best)


def _median_us(runtime: LiteRT, feed: Feed) -> float:
    runtime.invoke(feed)  # what another model has pushed out of the caches comes back
    times: list[int] = []
    while len(times) < 5 or (sum(times) < _ROUND_S * 1e9 and len(times) < 1000):
        begin = time.perf_counter_ns()
        runtime.invoke(feed)
        times.append(time.perf_counter_ns() - begin)
    return float(np.median(times)) / 1000
