"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from dataclasses import replace

from edgekit.codegen.call import Build, Call, Settings
from edgekit.codegen.kernels.quantized import output_range
from edgekit.codegen.kernels.typed import source_of, suffix_of
from edgekit.codegen.kernels.vectorized_mve import vectorized
from edgekit.codegen.kernels.window import Window, window_of
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType


def lower_average_pool(op: Op, settings: Settings) -> Call:
    """The mean of what the window covers of the input, halves away from zero."""
    call = _pool(op, "ek_average_pool")
    if settings.build is Build.MVE:
        return vectorized(call)
    return _with_dsp(call) if settings.build is Build.DSP else call


def lower_max_pool(op: Op, settings: Settings) -> Call:
    """The greatest of what the window covers."""
    return _pool(op, "ek_max_pool")


def _pool(op: Op, function: str) -> Call:
    source, output = source_of(op), op.outputs[0]
    suffix = suffix_of(op, source, DType.INT8, DType.INT16)
    window = window_of(op, source, (int(op.options.filterHeight), int(op.options.filterWidth)))
    low, high = output_range(int(op.options.fusedActivationFunction), output)
    by_rows = source.shape[0] == 1
    return Call(
        op,
        f"{function}_{suffix}{'_rows' if by_rows else ''}",
        "ek_pool.h",
        {"batches": source.shape[0], **pool_geometry(window, source), "low": low, "high": high},
        inputs=(source,),
        outputs=(output,),
        ahead=(pool_ahead(window, source) if by_rows else None,),
        rows=window.access() if by_rows else None,
    )


def _with_dsp(call: Call) -> Call:
    """By the DSP kernel, where channels come in fours and sums fit in its halves of words."""
    channels, height, width = (call.fields[name] for name in ("channels", "kernel_height", "kernel_width"))
    assert isinstance(channels, int) and isinstance(height, int) and isinstance(width, int)
    if call.function != "ek_average_pool_s8_rows" or channels % 4 or height * width > 256:
        return call
    return replace(call, function="ek_average_pool_s8_dsp_rows", header="ek_pool_dsp.h")


def pool_geometry(window: Window, source: Tensor) -> dict[str, int]:
    """Sizes, strides and padding, as every pooling kernel names them."""
    rows, columns = window.rows, window.columns
    return {
        "in_height": rows.input, "in_width": columns.input, "channels": source.shape[3],
        "out_height": rows.output, "out_width": columns.output,
        "kernel_height": rows.kernel, "kernel_width": columns.kernel,
        "stride_y": rows.stride, "stride_x": columns.stride, "pad_top": rows.before, "pad_left": columns.before,
    }  # fmt: skip


def pool_ahead(window: Window, source: Tensor) -> int:
    """`Call.ahead`: an output is written after its own window was read, and may lie on the window's first pixel."""
    rows, columns = window.rows, window.columns
    pixel_bytes = source.shape[3] * source.dtype.bits // 8
    return pixel_bytes * max(
        y * columns.output + x - max(0, y * rows.stride - rows.before) * columns.input
        - max(0, x * columns.stride - columns.before)
        for y in range(rows.output) for x in range(columns.output)
    )  # fmt: skip
