"""The lowering table: one row for each operator that can be trained through."""

from __future__ import annotations

from edgekit.compress.distill.call import Row
from edgekit.compress.distill.rows_linear import LINEAR_ROWS
from edgekit.compress.distill.rows_moving import MOVING_ROWS
from edgekit.compress.distill.rows_pointwise import POINTWISE_ROWS
from edgekit.core.errors import UnsupportedError
from edgekit.graph.model import Model

ROWS: dict[str, Row] = {**LINEAR_ROWS, **MOVING_ROWS, **POINTWISE_ROWS}
"""TFLite operator -> what computes it in TensorFlow. Each is checked against LiteRT by a test."""


def require_rows(model: Model) -> None:
    """Raises UnsupportedError for the first operator without a row, and for state that lives across runs."""
    for op in model.main.ops:
        if op.kind not in ROWS:
            raise UnsupportedError(f"{op.label} '{op.name}' cannot be trained through: distillation has no row for it")
    for tensor in model.main.tensors:
        if tensor.is_variable:
            raise UnsupportedError(f"tensor '{tensor.name}' keeps state from run to run: the model cannot be trained")
