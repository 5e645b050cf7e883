"""The table of rules: how the channels of an operator's inputs pass to its outputs. What is not here stays as it is."""

from __future__ import annotations

from collections.abc import Callable

from edgekit.compress.prune import rules_elementwise as elementwise
from edgekit.compress.prune import rules_joining as joining
from edgekit.compress.prune import rules_layers as layers
from edgekit.compress.prune import rules_moving as moving
from edgekit.compress.prune import rules_picking as picking
from edgekit.compress.prune import rules_products as products
from edgekit.compress.prune import rules_recurrent as recurrent
from edgekit.compress.prune.trace import Trace
from edgekit.graph.model import Op

Rule = Callable[[Trace, Op], None]

_ELEMENTWISE = (
    "ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "POW", "SQUARED_DIFFERENCE", "FLOOR_DIV", "FLOOR_MOD", "ADD_N",
    "PRELU", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LEAKY_RELU", "ELU", "GELU", "HARD_SWISH", "TANH",
    "LOGISTIC", "ABS", "NEG", "EXP", "LOG", "SQRT", "RSQRT", "SQUARE", "SIN", "COS", "CEIL", "FLOOR", "ROUND", "SIGN",
    "CAST", "QUANTIZE", "DEQUANTIZE", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL", "EQUAL", "NOT_EQUAL",
    "LOGICAL_AND", "LOGICAL_OR", "LOGICAL_NOT", "SELECT_V2", "ZEROS_LIKE", "FAKE_QUANT",
)  # fmt: skip
_ALONG_CHANNELS = (
    "AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "SPACE_TO_BATCH_ND",
    "BATCH_TO_SPACE_ND",
)  # fmt: skip


def shape(trace: Trace, op: Op) -> None:
    """SHAPE: harmless where all that is made of it is a flatten that can be stated without."""
    if not trace.is_shape_only(op):
        trace.pin_inputs(op, f"{op.label} '{op.name}' computes with its size")


def not_understood(trace: Trace, op: Op) -> None:
    """What an unknown operator reads stays; what it makes is fixed."""
    trace.pin_inputs(op, f"{op.label} '{op.name}' is not understood")


RULES: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE, elementwise.elementwise),
    **dict.fromkeys(_ALONG_CHANNELS, moving.along_channels),
    **dict.fromkeys(layers.LAYOUTS, layers.convolution),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), moving.reduce),
    **dict.fromkeys(("RESHAPE", "SQUEEZE", "EXPAND_DIMS"), moving.reshape),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), moving.pad),
    **dict.fromkeys(("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"), moving.softmax),
    **dict.fromkeys(("SPLIT", "SPLIT_V"), joining.split),
    "DEPTHWISE_CONV_2D": layers.depthwise,
    "FULLY_CONNECTED": layers.fully_connected,
    **dict.fromkeys(("SLICE", "STRIDED_SLICE"), picking.slices),
    **dict.fromkeys(("UNIDIRECTIONAL_SEQUENCE_LSTM", "LSTM"), recurrent.lstm),
    **dict.fromkeys(("UNIDIRECTIONAL_SEQUENCE_RNN", "RNN"), recurrent.rnn),
    "EMBEDDING_LOOKUP": picking.embedding,
    "GATHER": picking.gather,
    "TILE": picking.tile,
    "REVERSE_V2": picking.reverse,
    "BROADCAST_TO": picking.broadcast_to,
    "SPACE_TO_DEPTH": picking.space_to_depth,
    "DEPTH_TO_SPACE": picking.depth_to_space,
    "BATCH_MATMUL": products.batch_matmul,
    "SELECT": elementwise.select,
    "SHAPE": shape,
    "PACK": joining.pack,
    "UNPACK": joining.unpack,
    "TRANSPOSE": moving.transpose,
    "CONCATENATION": joining.concatenation,
}
