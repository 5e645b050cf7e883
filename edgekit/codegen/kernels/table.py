"""Operators of one 8-bit operand as a table of the results of all 256 values: csource/ek_table.h."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgekit.codegen.call import Call, Constant, Field, Rows
from edgekit.codegen.kernels.typed import source_of, unsupported
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

_BYTES = (DType.INT8, DType.UINT8)


def table_call(op: Op, result: Callable[[int], int]) -> Call:
    """One look-up an element, in place; `result` of a stored value is clipped to the output's range."""
    source, output = source_of(op), op.outputs[0]
    for tensor in (source, output):
        if tensor.dtype not in _BYTES:
            raise unsupported(op, tensor)
    by_rows = len(output.shape) == 4 and output.shape[0] == 1
    fields: dict[str, Field] = {
        "count": output.size // (output.shape[1] if by_rows else 1),
        "table": Constant(_table(source, output, result), align=1),
    }
    function = "ek_table_8_rows" if by_rows else "ek_table_8"
    rows = Rows() if by_rows else None
    return Call(op, function, "ek_table.h", fields, (source,), (output,), ahead=(0,), rows=rows)


def _table(source: Tensor, output: Tensor, result: Callable[[int], int]) -> NDArray[np.uint8]:
    """By the bits of the stored value."""
    low, high = output.dtype.integer_range or (0, 0)
    first, last = source.dtype.integer_range or (0, 0)
    table = np.zeros(256, np.uint8)
    for stored in range(first, last + 1):
        table[stored & 0xFF] = min(max(result(stored), low), high) & 0xFF
    return table
