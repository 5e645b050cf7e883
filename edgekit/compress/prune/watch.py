"""What tensors of a model hold for a sample, running no more of it than that needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgekit.compress.probe import Feed, Probe
from edgekit.graph.cut import cut
from edgekit.graph.model import Model, Tensor


class Watch:
    """The part of a model before some of its tensors.

    Args:
        model: takes the feeds.
        tensors: of its main graph: inputs, or what an operator computes.
    """

    def __init__(self, model: Model, tensors: Sequence[Tensor]) -> None:
        fed = {port.tensor: port.name for port in model.inputs()}
        self._fed = {t: fed[t] for t in tensors if t in fed}
        self._computed = [t for t in dict.fromkeys(tensors) if t not in fed]
        self._names = {port.name: port.tensor.name for port in model.inputs()}
        if self._computed:
            part = cut(model, model.main.inputs, self._computed)
            self._probe = Probe(part, part.main.outputs)

    def see(self, feed: Feed) -> dict[Tensor, npt.NDArray[np.generic]]:
        """What they hold."""
        seen = {tensor: feed[name] for tensor, name in self._fed.items()}
        if self._computed:
            values = self._probe.see({self._names[name]: array for name, array in feed.items()})
            seen |= zip(self._computed, values, strict=True)
        return seen
