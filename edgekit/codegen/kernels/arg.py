"""ARG_MAX and ARG_MIN."""

from __future__ import annotations

from math import prod

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.typed import axis_of, integers_of, source_of, suffix_of, unsupported
from edgekit.graph.model import Op
from edgekit.graph.types import DType


def lower_arg(op: Op, settings: Settings) -> Call:
    """The place of the first of the greatest, or of the least, along an axis."""
    source, output = source_of(op), op.outputs[0]
    suffix = suffix_of(op, source, DType.INT8, DType.INT32, DType.UINT8, DType.FLOAT32)
    if output.dtype not in (DType.INT32, DType.INT64):
        raise unsupported(op, output)
    axis = axis_of(op, integers_of(op, 1)[0], len(source.shape))
    fields: dict[str, Field] = {
        "outer": prod(source.shape[:axis]),
        "count": source.shape[axis],
        "inner": prod(source.shape[axis + 1 :]),
        "is_min": int(op.kind == "ARG_MIN"),
        "is_long": int(output.dtype is DType.INT64),
    }
    return Call(op, f"ek_arg_{suffix}", "ek_arg.h", fields, (source,), (output,), ahead=(None,))
