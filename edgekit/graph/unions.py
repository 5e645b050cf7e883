"""The schema's unions: which member an object is, and the places in it that hold indices of graphs."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.graph.model import Op


def member_number(union: Any, value: Any) -> int:
    """The number of a schema object's type in a union, 0 if it is not one of the union's."""
    return int(getattr(union, type(value).__name__.removesuffix("T"), 0))


def options_types(schema: Any, op: Op) -> tuple[int, int]:
    """The numbers of the options' type in the two unions; one of them is 0."""
    if op.options is None:
        return max(op.options_type, 0), max(-op.options_type, 0)
    first = member_number(schema.BuiltinOptions, op.options)
    second = 0 if first else member_number(schema.BuiltinOptions2, op.options)
    if not first and not second:
        raise ModelError(
            f"Operator '{op.name}' has options of type {type(op.options).__name__}, which no operator has."
        )
    return first, second


def set_graphs(options: Any, names: tuple[str, ...], indices: list[int]) -> None:
    """Fields that hold one index take one each; a field that holds a list takes all."""
    for position, name in enumerate(names):
        value = getattr(options, name)
        if name in ("branchSubgraphIndices", "calledComputations"):
            setattr(options, name, np.array(indices, np.int32) if indices else value)
        elif position < len(indices):
            setattr(options, name, indices[position])
