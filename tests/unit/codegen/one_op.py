"""Models of one operator, for holding generated C against LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgekit.graph.codec import write
from edgekit.graph.model import Graph, Model, Op
from edgekit.graph.ops import OPS
from edgekit.graph.tensor import Quantization, Tensor
from edgekit.graph.types import DType

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Spec:
    """A tensor to make: its values where it is a constant; scales of several values are one a channel of `axis`."""

    shape: tuple[int, ...]
    dtype: DType = DType.INT8
    scale: float | tuple[float, ...] | None = None
    zero_point: int = 0
    axis: int = 0
    data: Array | None = None
    is_variable: bool = False


def tensor(name: str, spec: Spec) -> Tensor:
    quantization = None
    if spec.scale is not None:
        scales = np.atleast_1d(np.asarray(spec.scale, np.float32))
        zero_points = np.full(scales.size, spec.zero_point, np.int64)
        quantization = Quantization(scales, zero_points, spec.axis, absent=frozenset())
    made = Tensor(name, spec.shape, spec.dtype, quantization=quantization, is_variable=spec.is_variable)
    if spec.data is not None:
        made.set_data(spec.data)
    return made


def one_op(
    kind: str, inputs: Sequence[Spec | None], outputs: Sequence[Spec], version: int = 1, **options: Any
) -> bytes:
    """The bytes of a model of one operator; constants are inputs with data, the others the graph's inputs, in order.

    `options` are attributes of the schema's options table, as flatbuffers names them ("strideH").
    """
    sources = [None if spec is None else tensor(f"in{i}", spec) for i, spec in enumerate(inputs)]
    results = [tensor(f"out{i}", spec) for i, spec in enumerate(outputs)]
    table = OPS[kind].options
    filled = getattr(schema, f"{table}T")() if table else None
    for name, value in options.items():
        assert hasattr(filled, name), f"{kind} has no option {name}"
        setattr(filled, name, value)
    op = Op(kind, list(sources), results, filled, version)
    given = [t for t in sources if t is not None]
    feeds = [t for t in given if not t.is_constant and not t.is_variable]
    graph = Graph("main", [*given, *results], feeds, results, [op])
    return write(Model([graph]))
