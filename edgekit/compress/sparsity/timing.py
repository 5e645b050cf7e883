"""Whether this machine computes one model faster than another."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgekit.graph.codec import write
from edgekit.graph.model import Model
from edgekit.runtime.litert import LiteRT

_ROUNDS = 15
_SECONDS = 0.02  # of one model in one round, about


@dataclass(frozen=True, slots=True)
class Ratio:
    """Time of the second model over that of the first, single thread, in turns: the median and the middle half."""

    median: float
    low: float
    high: float

    @property
    def is_faster(self) -> bool:
        """Whether the second is faster for sure."""
        return self.high < 1.0

    def __str__(self) -> str:
        return f"{self.median:.2f} times as long ({self.low:.2f} to {self.high:.2f})"


def time_ratio(first: Model, second: Model, feed: Mapping[str, npt.NDArray[np.generic]]) -> Ratio:
    """Run both in turns, so that what else the machine does hits both."""
    pair = [LiteRT(write(model), threads=1) for model in (first, second)]
    runs = max(3, int(_SECONDS / max(_once(pair[0], feed, 3), 1e-6)))
    found = []
    for turn in range(_ROUNDS):
        order = pair if turn % 2 else pair[::-1]
        times = {id(runtime): _once(runtime, feed, runs) for runtime in order}
        found.append(times[id(pair[1])] / times[id(pair[0])])
    low, median, high = (float(q) for q in np.quantile(found, [0.25, 0.5, 0.75]))
    return Ratio(median, low, high)


def _once(runtime: LiteRT, feed: Mapping[str, npt.NDArray[np.generic]], runs: int) -> float:
    """Median seconds of one run."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        runtime.invoke(feed)
        times.append(time.perf_counter() - start)
    return float(np.median(times))
