"""What float32 layers have in common: constant weights, a bias, the range of a fused activation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Constant, Field
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.ops import activation_of, bias_of, weights_of
from edgekit.graph.types import DType

_GREATEST = float(np.finfo(np.float32).max)
_RANGES = {0: (-_GREATEST, _GREATEST), 1: (0.0, _GREATEST), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
"""By the schema's ActivationFunctionType: none, RELU, RELU_N1_TO_1, RELU6."""


@dataclass(frozen=True, slots=True, eq=False)
class FloatLayer:
    """A layer's weights as the file has them, and its bias, zeros where it has none."""

    source: Tensor
    output: Tensor
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    low: float
    high: float

    def fields(self) -> dict[str, Field]:
        """Weights, bias and range, as every float layer's kernel names them."""
        return {
            "weights": Constant(self.weights),
            "bias": Constant(self.bias),
            "low": self.low,
            "high": self.high,
        }


def float_layer_of(op: Op, channel_axis: int) -> FloatLayer:
    """The numbers of a float layer. Raises ModelError where weights are not constant, or not float32."""
    source, weights, bias = activation_of(op), weights_of(op), bias_of(op)
    if source is None or weights is None or weights.data is None:
        raise ModelError(f"{op.label} '{op.name}' has weights that are computed while it runs; C needs constant ones.")
    if weights.dtype is not DType.FLOAT32:
        raise ModelError(
            f"{op.label} '{op.name}' has float32 activations and {weights.dtype.label} weights; C is generated for "
            "one type throughout."
        )
    channels = weights.shape[channel_axis]
    values = np.zeros(channels, np.float32) if bias is None or bias.data is None else np.asarray(bias.data)
    return FloatLayer(source, op.outputs[0], np.asarray(weights.data), values, *fused_range(op))


def fused_range(op: Op) -> tuple[float, float]:
    """The least and the greatest value after the fused activation, as CalculateActivationRange of TFLite."""
    activation = int(getattr(op.options, "fusedActivationFunction", 0))
    if activation not in _RANGES:
        raise ModelError(f"No C is generated for the fused activation {activation} of '{op.name}'.")
    return _RANGES[activation]
