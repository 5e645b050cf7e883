"""An operator as the matrix product that it is: where its data comes from, its matrix, its bias."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.compress.linear import is_linear, to_matrix, to_outputs, to_weights
from edgekit.compress.moments import Fit
from edgekit.compress.prune.importance import Doubles
from edgekit.graph.model import Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of
from edgekit.graph.types import DType

MAX_TAPS = 4608
"""Products with more (512 channels of 3x3 have so many) are left alone: a matrix of their moments takes 170 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """A float operator that multiplies what it is given with constants; `bias` is None where it has none."""

    op: Op
    data: Tensor
    weights: Tensor
    bias: Tensor | None

    @property
    def matrix(self) -> Doubles:
        """(groups, taps, outputs of a group)."""
        return np.asarray(to_matrix(self.op, np.asarray(self.weights.data, np.float64)))

    @property
    def shift(self) -> Doubles:
        """(groups, outputs of a group): the bias, zero without one."""
        if self.bias is None:
            return np.zeros(self.matrix.shape[::2])
        return np.asarray(to_outputs(self.op, np.asarray(self.bias.data, np.float64)))

    @property
    def taps(self) -> int:
        """How many values each output is a sum of."""
        return int(self.matrix.shape[1])

    def set(self, fit: Fit) -> None:
        """New values for the weights, and for the bias where there is one."""
        self.weights.set_data(to_weights(self.op, fit.weights).astype(np.float32))
        if self.bias is not None:
            self.bias.set_data(fit.bias.reshape(self.bias.shape).astype(np.float32))


def product_of(op: Op) -> Product | None:
    """None for an operator that is no such product, or one of more than `MAX_TAPS`."""
    weights, data = (weights_of(op), activation_of(op)) if is_linear(op) else (None, None)
    if weights is None or data is None or weights.dtype is not DType.FLOAT32 or weights.data is None:
        return None
    found = Product(op, data, weights, bias_of(op))
    return found if found.taps <= MAX_TAPS else None
