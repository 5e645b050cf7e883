"""Which options an operator must have: those that its kernel reads."""

from __future__ import annotations

import numpy as np
import pytest

from edgekit.codegen.call import Settings
from edgekit.codegen.generate import calls_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Model, Op, Quantization, Tensor
from edgekit.graph.types import DType


def without_options(kind: str, source: DType, result: DType) -> Model:
    scale = Quantization(np.array([0.5], np.float32), np.zeros(1, np.int64))
    x, y = (
        Tensor(name, (1, 2, 2, 1), dtype, quantization=scale if dtype is DType.INT8 else None)
        for name, dtype in (("x", source), ("y", result))
    )
    return Model([Graph("main", [x, y], [x], [y], [Op(kind, [x], [y])])])


@pytest.mark.parametrize(
    ("kind", "source", "result"),
    [("QUANTIZE", DType.FLOAT32, DType.INT8), ("RESHAPE", DType.INT8, DType.INT8), ("RELU", DType.INT8, DType.INT8)],
)
def test_options_that_say_nothing_may_be_left_out(kind: str, source: DType, result: DType) -> None:
    """Files of TensorFlow's converter do: RESHAPE takes its shape from an input."""
    (call,) = calls_of(without_options(kind, source, result), Settings())
    assert call.op.kind == kind


def test_options_that_are_read_may_not() -> None:
    with pytest.raises(ModelError, match="AVERAGE_POOL_2D 'y' has no options"):
        calls_of(without_options("AVERAGE_POOL_2D", DType.INT8, DType.INT8), Settings())
