"""CAST, and what is known before: SHAPE and RANK."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.typed import source_of, unsupported
from edgekit.graph.model import Op
from edgekit.graph.types import DType

_CODES = {
    DType.FLOAT32: 0, DType.INT8: 1, DType.INT16: 2, DType.INT32: 4, DType.UINT8: -1, DType.BOOL: -2,
}  # fmt: skip
"""As csource/ek_cast.h numbers them."""


def lower_cast(op: Op, settings: Settings) -> Call:
    """Stored numbers as another type's, towards zero."""
    source, output = source_of(op), op.outputs[0]
    for tensor in (source, output):
        if tensor.dtype not in _CODES:
            raise unsupported(op, tensor)
    if source.dtype is output.dtype:
        raise unsupported(op, output)
    fields: dict[str, Field] = {"count": output.size, "from": _CODES[source.dtype], "to": _CODES[output.dtype]}
    return Call(op, "ek_cast", "ek_cast.h", fields, (source,), (output,), ahead=(None,))


def lower_shape(op: Op, settings: Settings) -> Call:
    """The sizes of a tensor, which are known when C is generated, or how many there are."""
    shape, output = source_of(op).shape, op.outputs[0]
    values = np.array(shape if op.kind == "SHAPE" else len(shape), output.dtype.numpy)
    return Call(op, "ek_known", "ek_cast.h", {"bytes": output.nbytes, "values": Constant(values)}, (), (output,))
