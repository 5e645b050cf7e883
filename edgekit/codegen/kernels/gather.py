"""GATHER and EMBEDDING_LOOKUP."""

from __future__ import annotations

from math import prod

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.typed import axis_of, source_of, unsupported, width_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType


def lower_gather(op: Op, settings: Settings) -> Call:
    """Slices of a tensor, or of a table in flash, by numbers that are computed or known."""
    data, places = source_of(op, 0), source_of(op, 1)
    batch_axes = int(op.options.batchDims)
    axis = axis_of(op, int(op.options.axis), len(data.shape))
    if not 0 <= batch_axes <= axis:
        raise ModelError(f"GATHER '{op.name}' has {batch_axes} batch axes before axis {axis}; C has no way for them.")
    return _gather(op, data, places, axis, batch_axes)


def lower_embedding(op: Op, settings: Settings) -> Call:
    """Rows of a table."""
    return _gather(op, source_of(op, 1), source_of(op, 0), axis=0, batch_axes=0)


def _gather(op: Op, data: Tensor, places: Tensor, axis: int, batch_axes: int) -> Call:
    if places.dtype not in (DType.INT32, DType.INT64):
        raise unsupported(op, places)
    batches = prod(data.shape[:batch_axes])
    fields: dict[str, Field] = {
        "batches": batches,
        "outer": prod(data.shape[batch_axes:axis]),
        "axis": data.shape[axis],
        "count": places.size // batches,
        "bytes": width_of(op, data) * prod(data.shape[axis + 1 :]),
        "is_long": int(places.dtype is DType.INT64 and not places.is_constant),
    }
    if data.is_constant and places.is_constant:
        raise ModelError(f"{op.label} '{op.name}' has nothing but constants; fold it before C is generated.")
    if data.is_constant:
        fields["data"] = Constant(np.asarray(data.data))
        return Call(op, "ek_gather_data", "ek_gather.h", fields, (places,), (op.outputs[0],), ahead=(None,))
    if places.is_constant:
        fields["places"] = Constant(np.asarray(places.data).astype(np.int32))
        return Call(op, "ek_gather_places", "ek_gather.h", fields, (data,), (op.outputs[0],), ahead=(None,))
    return Call(op, "ek_gather", "ek_gather.h", fields, (data, places), (op.outputs[0],), ahead=(None, None))
