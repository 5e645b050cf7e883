"""The float32 operators that have a kernel of their own; those that only move data are in `registry`."""

from __future__ import annotations

_PLACES = {
    "activations_f32:lower_activation_f32": (
        "ABS", "ELU", "EXP", "HARD_SWISH", "LOGISTIC", "NEG", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "SQUARE",
        "TANH",
    ),
    "activations_f32:lower_gelu_f32": ("GELU",),
    "activations_f32:lower_leaky_relu_f32": ("LEAKY_RELU",),
    "activations_f32:lower_softmax_f32": ("SOFTMAX",),
    "binary_f32:lower_binary_f32": (
        "ADD", "SUB", "MUL", "DIV", "SQUARED_DIFFERENCE", "PRELU", "MAXIMUM", "MINIMUM", "EQUAL", "NOT_EQUAL", "LESS",
        "LESS_EQUAL", "GREATER", "GREATER_EQUAL",
    ),
    "conv_f32:lower_conv_f32": ("CONV_2D",),
    "conv_f32:lower_depthwise_f32": ("DEPTHWISE_CONV_2D",),
    "conv_f32:lower_transpose_conv_f32": ("TRANSPOSE_CONV",),
    "fully_connected_f32:lower_fully_connected_f32": ("FULLY_CONNECTED",),
    "lstm:lower_lstm_f32": ("UNIDIRECTIONAL_SEQUENCE_LSTM",),
    "pool_f32:lower_pool_f32": ("AVERAGE_POOL_2D", "MAX_POOL_2D"),
    "reduce_f32:lower_reduce_f32": ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"),
    "resize_f32:lower_resize_bilinear_f32": ("RESIZE_BILINEAR",),
    "svdf:lower_svdf_f32": ("SVDF",),
}  # fmt: skip

FLOAT_KERNELS = {
    f"{kind}/float32": (f"edgekit.codegen.kernels.{place}", "float32")
    for place, kinds in _PLACES.items()
    for kind in kinds
}
"""Rows of the registry: kind and type -> where it is lowered."""
