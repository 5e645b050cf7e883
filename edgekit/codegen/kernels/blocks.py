"""SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.quantized import zero_point_of
from edgekit.codegen.kernels.typed import integers_of, source_of, width_of
from edgekit.core.errors import ModelError
from edgekit.graph.model import Op, Tensor


def lower_space_to_batch(op: Op, settings: Settings) -> Call:
    """Every n-th row and column as an image of its own, of the padded input."""
    return _blocks(op, "ek_space_to_batch", space=source_of(op), batch=op.outputs[0])


def lower_batch_to_space(op: Op, settings: Settings) -> Call:
    """The opposite, with cropping."""
    return _blocks(op, "ek_batch_to_space", space=op.outputs[0], batch=source_of(op))


def _blocks(op: Op, function: str, space: Tensor, batch: Tensor) -> Call:
    source, width = source_of(op), width_of(op, space)
    block, edges = integers_of(op, 1), integers_of(op, 2)[::2]
    if len(space.shape) not in (3, 4) or len(block) != len(space.shape) - 2 or width > 4:
        raise ModelError(f"{op.label} '{op.name}' has {len(space.shape)} axes and {len(block)} blocks; C takes images.")
    # A row of pixels alone is an image of one column.
    few, many = (shape if len(shape) == 4 else (*shape[:2], 1, shape[2]) for shape in (space.shape, batch.shape))
    block, edges = [*block, 1][:2], [*edges, 0][:2]
    fields: dict[str, Field] = {
        "space_batches": few[0], "space_height": few[1], "space_width": few[2],
        "batch_height": many[1], "batch_width": many[2],
        "block_y": block[0], "block_x": block[1], "top": edges[0], "left": edges[1],
        "bytes": few[3] * width, "width": width,
        "value": int(np.full(1, zero_point_of(space), space.dtype.numpy).view(f"i{width}")[0]),
    }  # fmt: skip
    return Call(op, function, "ek_blocks.h", fields, (source,), (op.outputs[0],), ahead=(None,))
