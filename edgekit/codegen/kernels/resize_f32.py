"""RESIZE_BILINEAR on float32."""

from __future__ import annotations

import numpy as np

from edgekit.codegen.call import Call, Constant, Field, Settings
from edgekit.codegen.kernels.typed import source_of
from edgekit.graph.model import Op

_HALF = np.float32(0.5)


def lower_resize_bilinear_f32(op: Op, settings: Settings) -> Call:
    """Between four pixels, whose places are known here."""
    source, output = source_of(op), op.outputs[0]
    upper, lower, down = _between(op, source.shape[1], output.shape[1])
    left, right, across = _between(op, source.shape[2], output.shape[2])
    fields: dict[str, Field] = {
        "batches": source.shape[0], "in_height": source.shape[1], "in_width": source.shape[2],
        "channels": source.shape[3], "out_height": output.shape[1], "out_width": output.shape[2],
        "upper": upper, "lower": lower, "down": down, "left": left, "right": right, "across": across,
    }  # fmt: skip
    function = "ek_resize_bilinear_f32"
    return Call(op, function, f"{function}.h", fields, (source,), (output,), ahead=(None,))


def _between(op: Op, source: int, output: int) -> tuple[Constant, Constant, Constant]:
    """For each of `output` places the two of `source` that it lies between, and its distance from the first.

    In float32, as ComputeInterpolationValues of tensorflow/lite/kernels/internal/reference/resize_bilinear.h.
    """
    corners = bool(op.options.alignCorners) and output > 1
    scale = np.float32(source - 1) / np.float32(output - 1) if corners else np.float32(source) / np.float32(output)
    place = np.arange(output, dtype=np.float32)
    at = (place + _HALF) * scale - _HALF if op.options.halfPixelCenters else place * scale
    first = np.maximum(np.floor(at), 0)
    second = np.minimum(np.ceil(at), source - 1)
    return (
        Constant(first.astype(np.int16)),
        Constant(second.astype(np.int16)),
        Constant((at - first).astype(np.float32)),
    )
