"""Preprocessing: a list of operations, each a frozen dataclass and a pure function, carried as JSON in the manifest.

The JSON of one operation is its fields and its name: `{"op": "scale", "factor": 0.5, "offset": 0.0}`. What each one
computes is written in its docstring, exactly enough to do the same in Java or C.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from edgekit.core.errors import DatasetError
from edgekit.data.array_spec import ArraySpec
from edgekit.data.audio_ops import FitLength, LogMel, Mfcc
from edgekit.data.image_ops import CenterCrop, Channels, Resize, ResizeShort
from edgekit.data.strict import read_table, write_table
from edgekit.data.text_ops import Tokens
from edgekit.data.value_ops import Cast, Normalize, Reshape, Scale, Transpose


class Operation(Protocol):
    """One operation on one sample's array."""

    op: ClassVar[str]

    def result(self, spec: ArraySpec) -> ArraySpec:
        """What comes out for what goes in. Raises DatasetError where the operation does not fit."""

    def apply(self, value: np.ndarray) -> np.ndarray:
        """The operation on one array, which `result` accepted. Pure."""


_CLASSES = (
    *(Resize, ResizeShort, CenterCrop, Channels),
    *(Scale, Normalize, Cast, Reshape, Transpose),
    *(FitLength, LogMel, Mfcc, Tokens),
)
OPERATIONS: Mapping[str, type[Operation]] = {cls.op: cls for cls in _CLASSES}
"""Name -> operation: all that a dataset can declare."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Operations in the order in which they are applied to a raw value."""

    operations: tuple[Operation, ...] = ()

    def result(self, spec: ArraySpec) -> ArraySpec:
        """What comes out for a raw value of `spec`. Raises DatasetError naming the operation that does not fit."""
        for operation in self.operations:
            spec = operation.result(spec)
        return spec

    def apply(self, value: np.ndarray) -> np.ndarray:
        """The preprocessed value. Pure."""
        for operation in self.operations:
            value = operation.apply(value)
        return value

    def to_json(self) -> list[dict[str, object]]:
        """A JSON-able list, one table for each operation."""
        return [{"op": operation.op, **write_table(operation)} for operation in self.operations]

    @classmethod
    def from_json(cls, tables: Sequence[object], where: str = "preprocessing") -> Preprocessing:
        """The reverse of `to_json`. Raises DatasetError for an unknown operation or key, or a wrong value."""
        return cls(tuple(_operation(table, f"{where}[{i}]") for i, table in enumerate(tables)))


def _operation(table: object, where: str) -> Operation:
    if not isinstance(table, Mapping) or "op" not in table:
        raise DatasetError(f"{where} must be a table with the key 'op', not {table!r}")
    name = table["op"]
    if name not in OPERATIONS:
        raise DatasetError(f"{where} names an unknown operation {name!r}", f"known: {', '.join(OPERATIONS)}")
    return read_table(OPERATIONS[name], {k: v for k, v in table.items() if k != "op"}, f"{where} ({name})")
