"""What each channel of a tensor held while samples streamed by. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.compress.analysis.analysis import TensorFacts
from edgekit.compress.ranges import TensorRange

Array = npt.NDArray[Any]
Doubles = npt.NDArray[np.float64]

_NOTHING = 1e-6  # of the tensor's peak: float32 sums do not notice less


class Channels:
    """Least, greatest and squared values of each channel of a tensor; channels are the last axis."""

    def __init__(self, channels: int) -> None:
        self.low: Doubles = np.full(channels, np.inf)
        self.high: Doubles = np.full(channels, -np.inf)
        self._squares: Doubles = np.zeros(channels)
        self._rows = 0

    def add(self, values: Array) -> None:
        """Count a sample."""
        rows = values.reshape(-1, len(self.low))
        if len(rows):
            self.low = np.minimum(self.low, rows.min(axis=0))
            self.high = np.maximum(self.high, rows.max(axis=0))
            self._squares += np.einsum("rc,rc->c", rows, rows, dtype=np.float64)
            self._rows += len(rows)

    @property
    def energy(self) -> Doubles:
        """The mean square of each channel."""
        return self._squares / max(self._rows, 1)

    @property
    def constant(self) -> tuple[int, ...]:
        """The channels that held one value all the time."""
        peak = max(abs(float(self.low.min())), abs(float(self.high.max())))
        return tuple(int(c) for c in np.flatnonzero(self.high - self.low <= _NOTHING * peak))

    @property
    def reach(self) -> Doubles:
        """The largest magnitude of each channel."""
        return np.maximum(np.abs(self.low), np.abs(self.high))

    def facts(self, grid: TensorRange | None) -> TensorFacts:
        """The tensor as a whole; without a grid its extremes are the ends.

        Channels of nothing are left out.
        """
        low, high, reach = float(self.low.min()), float(self.high.max()), self.reach
        some = reach > _NOTHING * reach.max()
        peak_to_rms = float(reach.max() / np.sqrt(self.energy[some].mean())) if some.any() else 0.0
        channel_ratio = float(reach.max() / np.median(reach[some])) if some.any() else 1.0
        return TensorFacts(
            low, high, grid.min if grid else low, grid.max if grid else high, grid.clipped if grid else 0.0,
            peak_to_rms, channel_ratio,
        )  # fmt: skip


def empty_channels(weights: Array, axis: int) -> int:
    """How many channels have no weights, or none that counts beside those of the others."""
    reach = np.abs(np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)).max(axis=1)
    return int(np.count_nonzero(reach <= _NOTHING * reach.max()))


def weight_facts(weights: Array, axis: int | None) -> TensorFacts:
    """The same of weights, whose channels lie along `axis`; None takes them as one."""
    flat = weights.reshape(1, -1) if axis is None else np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)
    channels = Channels(len(flat))
    channels.add(flat.T)
    return channels.facts(None)
