"""Calibration samples in two parts: what fits is fitted on one, what is chosen is judged on the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgekit.compress.probe import Feed
from edgekit.compress.step import Samples

KEPT_BYTES = 256 * 2**20
"""Samples up to this size are held in memory; more are read again each time."""

ROWS = 256
"""So many positions of a sample's feature map count for its moments: neighbours say much the same."""

_OF = 3  # one of so many is held out


class SampleSplit:
    """The samples of a step; every third is held out.

    Args:
        samples: where they come from.
        limit: at most so many are used.
    """

    def __init__(self, samples: Samples, limit: int) -> None:
        self._samples, self._limit = samples, limit
        self.count = min(limit, samples.count)
        self._kept: list[Feed] | None = None
        first = next(iter(samples.feeds(1)), {})
        if sum(v.nbytes for v in first.values()) * self.count <= KEPT_BYTES:
            self._kept = list(samples.feeds(limit))

    def all(self) -> Iterator[Feed]:
        """All samples, always in the same order."""
        return iter(self._kept) if self._kept is not None else self._samples.feeds(self._limit)

    def held_out(self, limit: int | None = None) -> Iterator[Feed]:
        """The samples that no fit has seen; at least one."""
        found = (feed for number, feed in enumerate(self.all()) if self.is_held_out(number))
        return (feed for number, feed in enumerate(found) if limit is None or number < limit)

    def is_held_out(self, number: int) -> bool:
        """Whether the sample of this number is held out; of very few, the last is."""
        return number % _OF == _OF - 1 or (self.count < _OF and number == self.count - 1)


def some_rows(count: int, sample: int) -> npt.NDArray[np.intp]:
    """At most `ROWS` of `count` positions, others for each sample, always the same."""
    if count <= ROWS:
        return np.arange(count)
    return np.sort(np.random.default_rng(sample).choice(count, ROWS, replace=False))
