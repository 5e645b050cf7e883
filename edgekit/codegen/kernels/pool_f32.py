"""AVERAGE_POOL_2D and MAX_POOL_2D on float32."""

from __future__ import annotations

from edgekit.codegen.call import Call, Settings
from edgekit.codegen.kernels.linear_f32 import fused_range
from edgekit.codegen.kernels.pool import pool_ahead, pool_geometry
from edgekit.codegen.kernels.typed import source_of
from edgekit.codegen.kernels.window import window_of
from edgekit.graph.model import Op

_FUNCTIONS = {"AVERAGE_POOL_2D": "ek_average_pool_f32", "MAX_POOL_2D": "ek_max_pool_f32"}


def lower_pool_f32(op: Op, settings: Settings) -> Call:
    """The mean or the greatest of what the window covers of the input."""
    source = source_of(op)
    window = window_of(op, source, (int(op.options.filterHeight), int(op.options.filterWidth)))
    low, high = fused_range(op)
    shape = {"batches": source.shape[0], **pool_geometry(window, source)}
    by_rows = source.shape[0] == 1
    return Call(
        op,
        f"{_FUNCTIONS[op.kind]}{'_rows' if by_rows else ''}",
        "ek_pool_f32.h",
        {**{f"shape.{name}": value for name, value in shape.items()}, "low": low, "high": high},
        inputs=(source,),
        outputs=(op.outputs[0],),
        ahead=(pool_ahead(window, source) if by_rows else None,),
        rows=window.access() if by_rows else None,
    )
