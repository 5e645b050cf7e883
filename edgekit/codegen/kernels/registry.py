"""The operators that there is C for."""

from __future__ import annotations

from edgekit.codegen.call import Call, Lower, Settings
from edgekit.codegen.kernels.registry_f32 import FLOAT_KERNELS
from edgekit.codegen.kernels.shapes import require_shapes
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
        "ARG_MAX": (f"{_HERE}.arg:lower_arg", "the first of the greatest along an axis"),
        "ARG_MIN": (f"{_HERE}.arg:lower_arg", "the first of the least along an axis"),
        "AVERAGE_POOL_2D": (f"{_HERE}.pool:lower_average_pool", "means of a window"),
        "BATCH_MATMUL": (f"{_HERE}.batch_matmul:lower_batch_matmul", "products of matrices, int8, int16 and float32"),
        "BATCH_TO_SPACE_ND": (f"{_HERE}.blocks:lower_batch_to_space", "the opposite, with cropping"),
        "BROADCAST_TO": (f"{_HERE}.move:lower_broadcast_to", "the same elements again"),
        "CAST": (f"{_HERE}.cast:lower_cast", "between integers, booleans and float32"),
        "CONCATENATION": (f"{_HERE}.join:lower_join", "parts of one scale; views along the outermost axis"),
        "CONV_2D": (f"{_HERE}.conv:lower_conv", "convolutions, dilated and grouped ones too"),
        "CONV_2D/int16": (f"{_HERE}.conv_s16:lower_conv_s16", "int16 activations, int8 weights"),
        "DEPTHWISE_CONV_2D": (f"{_HERE}.depthwise:lower_depthwise", "depthwise convolutions with any multiplier"),
        "DEPTHWISE_CONV_2D/int16": (f"{_HERE}.conv_s16:lower_depthwise_s16", "int16 activations, int8 weights"),
        "DEPTH_TO_SPACE": (f"{_HERE}.move:lower_depth_to_space", "channels as blocks of pixels"),
        "DEQUANTIZE": (f"{_HERE}.quantize:lower_dequantize", "to float32"),
        "ELU": (f"{_HERE}.curves:lower_curve", "a table"),
        "EMBEDDING_LOOKUP": (f"{_HERE}.gather:lower_embedding", "rows of a table in flash"),
        "EQUAL": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "EXP": (f"{_HERE}.curves:lower_curve", "a table"),
        "EXPAND_DIMS": (f"{_HERE}.reshape:lower_reshape", "the same memory under another shape"),
        "FULLY_CONNECTED": (f"{_HERE}.fully_connected:lower_fully_connected", "matrix by vector"),
        "FULLY_CONNECTED/int16": (
            f"{_HERE}.fully_connected_s16:lower_fully_connected_s16",
            "int16 activations, int8 weights",
        ),
        "GATHER": (f"{_HERE}.gather:lower_gather", "slices by their numbers, of a table in flash too"),
        "GELU": (f"{_HERE}.curves:lower_curve", "a table"),
        "GREATER": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "GREATER_EQUAL": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "HARD_SWISH": (f"{_HERE}.hard_swish:lower_hard_swish", "a gate in fixed point"),
        "L2_NORMALIZATION": (f"{_HERE}.l2_norm:lower_l2_norm", "rows of length 1"),
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
        "MEAN": (f"{_HERE}.reduce:lower_sum", "along any axes"),
        "MINIMUM": (f"{_HERE}.compare:lower_choice", "the lesser of two, an operand repeated or constant too"),
        "MIRROR_PAD": (f"{_HERE}.pad:lower_mirror_pad", "a border that mirrors"),
        "MUL": (f"{_HERE}.mul:lower_mul", "products, an operand repeated or constant too"),
        "NEG": (f"{_HERE}.rsqrt:lower_neg", "a table"),
        "NOT_EQUAL": (f"{_HERE}.compare:lower_compare", "comparisons, an operand repeated or constant too"),
        "PACK": (f"{_HERE}.join:lower_join", "parts of one scale; views along the outermost axis"),
        "PAD": (f"{_HERE}.pad:lower_pad", "a border of zeros"),
        "PADV2": (f"{_HERE}.pad:lower_pad", "a border of a constant"),
        "PRELU": (f"{_HERE}.prelu:lower_prelu", "a slope for negative values, one or one a channel"),
        "QUANTIZE": (f"{_HERE}.lines:lower_requantize", "from one scale to another"),
        "QUANTIZE/float32": (f"{_HERE}.quantize:lower_quantize", "from float32"),
        "RANK": (f"{_HERE}.cast:lower_shape", "known when C is generated"),
        "REDUCE_ALL": (f"{_HERE}.reduce:lower_pick", "all along any axes"),
        "REDUCE_ANY": (f"{_HERE}.reduce:lower_pick", "any along any axes"),
        "REDUCE_MAX": (f"{_HERE}.reduce:lower_pick", "the greatest along any axes"),
        "REDUCE_MIN": (f"{_HERE}.reduce:lower_pick", "the least along any axes"),
        "RELU": (f"{_HERE}.lines:lower_relu", "no negative values"),
        "RELU6": (f"{_HERE}.lines:lower_relu", "from 0 to 6"),
        "RELU_0_TO_1": (f"{_HERE}.lines:lower_relu", "from 0 to 1"),
        "RELU_N1_TO_1": (f"{_HERE}.lines:lower_relu", "from -1 to 1"),
        "RESHAPE": (f"{_HERE}.reshape:lower_reshape", "the same memory under another shape"),
        "RESIZE_BILINEAR": (f"{_HERE}.resize:lower_resize_bilinear", "between four pixels"),
        "RESIZE_NEAREST_NEIGHBOR": (f"{_HERE}.resize:lower_resize_nearest", "whole pixels"),
        "REVERSE_V2": (f"{_HERE}.move:lower_reverse", "some axes from their end"),
        "RSQRT": (f"{_HERE}.rsqrt:lower_rsqrt", "a table"),
        "SHAPE": (f"{_HERE}.cast:lower_shape", "known when C is generated"),
        "SLICE": (f"{_HERE}.move:lower_slice", "a box; a view where it is one piece"),
        "SOFTMAX": (f"{_HERE}.softmax:lower_softmax", "along the last axis"),
        "SPACE_TO_BATCH_ND": (f"{_HERE}.blocks:lower_space_to_batch", "every n-th pixel as an image"),
        "SPACE_TO_DEPTH": (f"{_HERE}.move:lower_space_to_depth", "blocks of pixels as channels"),
        "SPLIT": (f"{_HERE}.join:lower_part", "parts; views along the outermost axis"),
        "SPLIT_V": (f"{_HERE}.join:lower_part", "parts; views along the outermost axis"),
        "SQUEEZE": (f"{_HERE}.reshape:lower_reshape", "the same memory under another shape"),
        "STRIDED_SLICE": (f"{_HERE}.move:lower_strided_slice", "a box with steps; a view where it is one piece"),
        "SUB": (f"{_HERE}.add:lower_sub", "differences, an operand repeated or constant too"),
        "SUM": (f"{_HERE}.reduce:lower_sum", "along any axes"),
        "SVDF": (f"{_HERE}.svdf:lower_svdf", "filters that remember"),
        "TANH": (f"{_HERE}.curves:lower_curve", "a table"),
        "TILE": (f"{_HERE}.move:lower_tile", "the same elements again"),
        "TRANSPOSE": (f"{_HERE}.move:lower_transpose", "axes in another order"),
        "TRANSPOSE_CONV": (f"{_HERE}.transpose_conv:lower_transpose_conv", "transposed convolutions"),
        "TRANSPOSE_CONV/int16": (
            f"{_HERE}.transpose_conv:lower_transpose_conv_s16",
            "int16 activations, int8 weights",
        ),
        "UNIDIRECTIONAL_SEQUENCE_LSTM": (f"{_HERE}.lstm:lower_lstm", "plain LSTM that keeps its state"),
        "UNPACK": (f"{_HERE}.join:lower_part", "parts; views along the outermost axis"),
        **FLOAT_KERNELS,
    },
)


def lower(op: Op, settings: Settings) -> Call:
    """The call that computes `op`: by the entry for its type of activation, else by the one for its kind.

    Raises ModelError where there is none.
    """
    _require_whole(op)
    try:
        require_shapes(op)
        call = _lower(op, settings)
    except (ArithmeticError, LookupError, ValueError) as error:
        raise ModelError(
            f"{op.label} '{op.name}' has shapes, scales or options that no C can have: {error}."
        ) from error
    except AttributeError as error:
        # Only a kernel that asks for options needs them: converters leave out those of RESHAPE, PAD and others.
        if op.options is not None:
            raise
        raise ModelError(f"{op.label} '{op.name}' has no options.") from error
    for tensor in call.inputs:
        if tensor.is_constant:
            raise ModelError(
                f"{op.label} '{op.name}' computes with the constant '{tensor.name}' where C needs a computed one."
            )
    return call


def _require_whole(op: Op) -> None:
    """Kernels' files rely on these; `graph.check` has seen to the rest."""
    if not op.outputs or not any(op.inputs):
        raise ModelError(f"{op.label} '{op.name}' has no inputs or no outputs.")
    for tensor in (*op.inputs, *op.outputs):
        if tensor is not None and not tensor.size:
            raise ModelError(
                f"{op.label} '{op.name}' has the empty tensor '{tensor.name}': there is nothing to compute."
            )


def _lower(op: Op, settings: Settings) -> Call:
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
