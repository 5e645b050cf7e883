"""QUANTIZE of float32 and DEQUANTIZE to it."""

from __future__ import annotations

from edgekit.codegen.call import Call, Field, Settings
from edgekit.codegen.kernels.quantized import scale_of, zero_point_of
from edgekit.codegen.kernels.typed import shifted, source_of, suffix_of, unsupported
from edgekit.graph.model import Op, Tensor
from edgekit.graph.types import DType

_STORED = (DType.INT8, DType.INT16, DType.UINT8)


def lower_quantize(op: Op, settings: Settings) -> Call:
    """From float32 to a tensor's scale."""
    source, output = source_of(op), op.outputs[0]
    return _call(op, f"ek_quantize_{suffix_of(op, output, *_STORED)}", source, output)


def lower_dequantize(op: Op, settings: Settings) -> Call:
    """From a tensor's scale to float32."""
    source, output = source_of(op), op.outputs[0]
    if output.dtype is not DType.FLOAT32:
        raise unsupported(op, output)
    return _call(op, f"ek_dequantize_{suffix_of(op, source, *_STORED)}", output, source)


def _call(op: Op, function: str, reals: Tensor, stored: Tensor) -> Call:
    low, high = stored.dtype.integer_range or (0, 0)
    source, output = source_of(op), op.outputs[0]
    fields: dict[str, Field] = {
        "count": reals.size,
        "scale": scale_of(stored),
        "zero_point": zero_point_of(stored),
        "low": low,
        "high": high,
    }
    ahead = (shifted(source, output),)
    return Call(op, function, "ek_quantize.h", fields, (source,), (output,), ahead=ahead)
