"""Weights that are numbers: with NaN or infinite ones a model computes nothing, and what a step finds means nothing.

The pipeline looks before every step, so that no step has to.
"""

from __future__ import annotations

import math

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.graph.model import Model, Op, Tensor
from edgekit.graph.ops import bias_of, weights_of
from edgekit.graph.types import DType

FLOAT16_MAX = 65504.0
"""The largest number that float16 holds."""


def require_finite(model: Model, most: float = math.inf) -> None:
    """Raises ModelError, naming the operator, for weights or a bias that are no number or are beyond `most`."""
    for op in model.ops():
        for tensor in (weights_of(op), bias_of(op)):
            if tensor is not None and tensor.is_constant and tensor.dtype is DType.FLOAT32:
                _require(op, tensor, most)


def _require(op: Op, tensor: Tensor, most: float) -> None:
    values = tensor.data
    if values is None or not values.size:
        return
    where = f"{op.label} '{op.name}' in its constant '{tensor.name}'"
    largest = float(np.abs(values).max())
    if not np.isfinite(largest):
        raise ModelError(
            f"{where} has values that are not finite numbers (NaN or infinite)", "train or export it again"
        )
    if largest > most:
        raise ModelError(f"{where} has values up to {largest:.3g}, and at most {most:.6g} can be stored")
