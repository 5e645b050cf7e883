"""What tensors of a model hold while samples stream by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from edgekit.core.errors import ModelError
from edgekit.graph.codec import write
from edgekit.graph.model import Model, Tensor
from edgekit.runtime.affine import dequantize
from edgekit.runtime.litert import Kernels, LiteRT

Feed = Mapping[str, npt.NDArray[np.generic]]
Floats = npt.NDArray[np.float32]


class Probe:
    """A model with some of its main graph's tensors in view.

    Args:
        model: feeds go by its inputs' names; constants cannot be watched, they are known.
        tensors: which ones.
        kernels, threads: as in `LiteRT`.
    """

    def __init__(
        self, model: Model, tensors: Sequence[Tensor], kernels: Kernels = Kernels.XNNPACK, threads: int = 1
    ) -> None:
        numbers = {tensor: number for number, tensor in enumerate(model.main.tensors)}
        missing = [t.name for t in tensors if t not in numbers or t.is_constant]
        if missing:
            raise ModelError(f"Tensor '{missing[0]}' cannot be watched: it is a constant, or not of the main graph.")
        self._watched = [(numbers[t], t) for t in tensors]
        self._runtime = LiteRT(write(model), threads=threads, kernels=kernels, keep_all=True)
        self._stateful = any(t.is_variable for t in model.main.tensors)

    def see(self, feed: Feed) -> list[npt.NDArray[np.generic]]:
        """Copies of what the tensors hold after `feed`, in real values where they are quantized."""
        if self._stateful:
            self._runtime.reset_variables()
        self._runtime.invoke(feed)
        return [_real(self._runtime.tensor(index), tensor) for index, tensor in self._watched]


def _real(stored: npt.NDArray[np.generic], tensor: Tensor) -> npt.NDArray[np.generic]:
    grid = tensor.quantization
    if grid is None or not grid.scale.size or stored.dtype.kind not in "iu":
        return stored.copy()
    return dequantize(stored, grid.scale, grid.zero_point, axis=grid.axis)
