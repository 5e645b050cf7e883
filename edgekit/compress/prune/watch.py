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
        tensors: of its main graph, each computed by an operator.
    """

    def __init__(self, model: Model, tensors: Sequence[Tensor]) -> None:
        part = cut(model, model.main.inputs, tensors)
        self._names = {port.name: port.tensor.name for port in model.inputs()}
        self._probe = Probe(part, part.main.outputs)

    def see(self, feed: Feed) -> list[npt.NDArray[np.generic]]:
        """What they hold, in the order of `tensors`."""
        return self._probe.see({self._names[name]: values for name, values in feed.items()})
