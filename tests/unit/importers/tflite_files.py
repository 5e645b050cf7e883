"""Models of one operator, without a signature, as the importers' tests need them."""

from __future__ import annotations

from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.types import DType


def relu() -> Model:
    """x (1, 4) -> RELU -> y."""
    return _model(Op("RELU", inputs=[], outputs=[]))


def custom(name: str) -> Model:
    """x (1, 4) -> the custom operator `name` -> y."""
    return _model(Op("CUSTOM", inputs=[], outputs=[], custom_name=name))


def _model(op: Op) -> Model:
    x, y = (Tensor(name, (1, 4), DType.FLOAT32) for name in "xy")
    op.inputs, op.outputs = [x], [y]
    return Model(graphs=[Graph(name="main", tensors=[x, y], inputs=[x], outputs=[y], ops=[op])])
