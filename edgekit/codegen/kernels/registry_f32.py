"""The float32 operators that have a kernel of their own; those that only move data are in `registry`."""

from __future__ import annotations

_HERE = "edgekit.codegen.kernels"

FLOAT_KERNELS: dict[str, tuple[str, str]] = {
    "CONV_2D/float32": (f"{_HERE}.conv_f32:lower_conv_f32", "float32"),
    "DEPTHWISE_CONV_2D/float32": (f"{_HERE}.conv_f32:lower_depthwise_f32", "float32"),
    "FULLY_CONNECTED/float32": (f"{_HERE}.fully_connected_f32:lower_fully_connected_f32", "float32"),
    "TRANSPOSE_CONV/float32": (f"{_HERE}.conv_f32:lower_transpose_conv_f32", "float32"),
}
