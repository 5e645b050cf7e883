"""The operators that there is C for."""

from __future__ import annotations

from edgekit.codegen.call import Call, Lower, Settings
from edgekit.codegen.kernels.registry_f32 import FLOAT_KERNELS
from edgekit.core.errors import ModelError
from edgekit.core.registry import Registry
from edgekit.graph.model import Op
from edgekit.graph.ops import OPS, activation_of

_HERE = "edgekit.codegen.kernels"

KERNELS: Registry[Lower] = Registry(
    "kernel",
    {
        "ABS": (f"{_HERE}.lines:lower_abs", "magnitudes"),
        "ADD": (f"{_HERE}.add:lower_add", "sums, an operand repeated or constant too"),
        "AVERAGE_POOL_2D": (f"{_HERE}.pool:lower_average_pool", "means of a window"),
        "BATCH_MATMUL": (f"{_HERE}.batch_matmul:lower_batch_matmul", "products of matrices, int8, int16 and float32"),
        "CONV_2D": (f"{_HERE}.conv:lower_conv", "convolutions, dilated and grouped ones too"),
        "CONV_2D/int16": (f"{_HERE}.conv_s16:lower_conv_s16", "int16 activations, int8 weights"),
        "DEPTHWISE_CONV_2D": (f"{_HERE}.depthwise:lower_depthwise", "depthwise convolutions with any multiplier"),
        "DEPTHWISE_CONV_2D/int16": (f"{_HERE}.depthwise_s16:lower_depthwise_s16", "int16 activations, int8 weights"),
        "ELU": (f"{_HERE}.curves:lower_curve", "a table"),
        "EQUAL": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "EXP": (f"{_HERE}.curves:lower_curve", "a table"),
        "FULLY_CONNECTED": (f"{_HERE}.fully_connected:lower_fully_connected", "matrix by vector"),
        "FULLY_CONNECTED/int16": (
            f"{_HERE}.fully_connected_s16:lower_fully_connected_s16",
            "int16 activations, int8 weights",
        ),
        "GELU": (f"{_HERE}.curves:lower_curve", "a table"),
        "GREATER": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "GREATER_EQUAL": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "HARD_SWISH": (f"{_HERE}.hard_swish:lower_hard_swish", "a gate in fixed point"),
        "LEAKY_RELU": (f"{_HERE}.lines:lower_leaky_relu", "another slope for negative values"),
        "LESS": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "LESS_EQUAL": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "LOG": (f"{_HERE}.curves:lower_curve", "a table"),
        "LOGICAL_AND": (f"{_HERE}.compare:lower_logic", "both"),
        "LOGICAL_NOT": (f"{_HERE}.compare:lower_not", "the other"),
        "LOGICAL_OR": (f"{_HERE}.compare:lower_logic", "either"),
        "LOGISTIC": (f"{_HERE}.curves:lower_curve", "a table"),
        "MAXIMUM": (f"{_HERE}.compare:lower_choice", "the greater of two, an operand repeated or constant too"),
        "MAX_POOL_2D": (f"{_HERE}.pool:lower_max_pool", "the greatest of a window"),
        "MINIMUM": (f"{_HERE}.compare:lower_choice", "the lesser of two, an operand repeated or constant too"),
        "MUL": (f"{_HERE}.mul:lower_mul", "products, an operand repeated or constant too"),
        "NEG": (f"{_HERE}.rsqrt:lower_neg", "a table"),
        "NOT_EQUAL": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "PRELU": (f"{_HERE}.prelu:lower_prelu", "a slope for negative values, one or one a channel"),
        "QUANTIZE": (f"{_HERE}.lines:lower_requantize", "from one scale to another"),
        "RELU": (f"{_HERE}.lines:lower_relu", "no negative values"),
        "RELU6": (f"{_HERE}.lines:lower_relu", "from 0 to 6"),
        "RELU_0_TO_1": (f"{_HERE}.lines:lower_relu", "from 0 to 1"),
        "RELU_N1_TO_1": (f"{_HERE}.lines:lower_relu", "from -1 to 1"),
        "RESHAPE": (f"{_HERE}.reshape:lower_reshape", "the same memory under another shape"),
        "RSQRT": (f"{_HERE}.rsqrt:lower_rsqrt", "a table"),
        "SOFTMAX": (f"{_HERE}.softmax:lower_softmax", "along the last axis"),
        "SUB": (f"{_HERE}.add:lower_sub", "differences, an operand repeated or constant too"),
        "SVDF": (f"{_HERE}.svdf:lower_svdf", "filters that remember"),
        "TANH": (f"{_HERE}.curves:lower_curve", "a table"),
        "TRANSPOSE_CONV": (f"{_HERE}.transpose_conv:lower_transpose_conv", "transposed convolutions"),
        "TRANSPOSE_CONV/int16": (
            f"{_HERE}.transpose_conv:lower_transpose_conv_s16",
            "int16 activations, int8 weights",
        ),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": (f"{_HERE}.lstm:lower_lstm", "plain LSTM that keeps its state"),
    },
)


def lower(op: Op, settings: Settings) -> Call:
    """The call that computes `op`: by the entry for its type of activation, else by the one for its kind.

    Raises ModelError where there is none.
    """
    typed = f"{op.kind}/{_type_label(op)}"
    if typed in KERNELS:
        return KERNELS.load(typed)(op, settings)
    if op.label not in KERNELS:
        known = ", ".join(name for name in KERNELS if "/" not in name)
        raise ModelError(f"No C is generated for {op.label} ('{op.name}').", f"there is C for {known}")
    return KERNELS.load(op.kind)(op, settings)


def _type_label(op: Op) -> str:
    source = activation_of(op) if op.kind in OPS else None
    source = source or next((tensor for tensor in op.inputs if tensor is not None), None)
    return source.dtype.label if source is not None else ""
