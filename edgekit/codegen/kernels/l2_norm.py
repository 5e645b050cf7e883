"""L2_NORMALIZATION."""

from __future__ import annotations

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.quantized import zero_point_of
from edgekit.codegen.kernels.typed import same_type, source_of
from edgekit.graph.model import Op
from edgekit.graph.types import DType


def lower_l2_norm(op: Op, settings: Settings) -> Call:
    """Rows of length 1 along the last axis, of int8 at 1/128, in place."""
    source, output = source_of(op), op.outputs[0]
    same_type(op, (source, output), DType.INT8)
    depth = source.shape[-1]
    fields: dict[str, Field] = {
        "rows": source.size // depth,
        "depth": depth,
        "in_zero_point": zero_point_of(source),
    }
    return Call(op, "ek_l2_norm_s8", "ek_l2_norm_s8.h", fields, (source,), (output,), ahead=(0,))
