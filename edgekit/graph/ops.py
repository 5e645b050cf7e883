"""The one table of operators: number, options, what each input is for, what it computes. Reader, writer, costs and
rules read it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from edgekit.core.errors import ModelError
from edgekit.graph.kinds import BUILTIN_KINDS
from edgekit.graph.types import DType

if TYPE_CHECKING:
    from edgekit.graph.model import Model, Op, Tensor


class Compute(enum.Enum):
    """How an operator's multiply-accumulates are counted; NONE has none."""

    NONE = "none"
    CONV = "conv"
    DEPTHWISE = "depthwise"
    TRANSPOSE_CONV = "transpose conv"
    FULLY_CONNECTED = "fully connected"
    MATMUL = "matmul"
    LSTM = "lstm"
    RNN = "rnn"
    SVDF = "svdf"


@dataclass(frozen=True, slots=True)
class OpSpec:
    """One builtin operator.

    Attributes:
        code: its number in the schema.
        options: the name of its options table in the schema, "" if it has none.
        activation, weights, bias: the positions of these inputs, None where it has no such input.
        channel_axis: the axis of the weights that counts output channels (the axis of per-channel scales).
        compute: how its multiply-accumulates are counted.
        keeps_quantization: it moves or picks values: output and (first) input have one scale and zero point.
        subgraph_fields: the option fields that hold graphs, in the order of `Op.subgraphs`.
    """

    name: str
    code: int
    options: str = ""
    activation: int | None = 0
    weights: int | None = None
    bias: int | None = None
    channel_axis: int | None = None
    compute: Compute = Compute.NONE
    keeps_quantization: bool = False
    subgraph_fields: tuple[str, ...] = field(default=())

    @property
    def is_compute(self) -> bool:
        """It multiplies and accumulates: the operators that take the time."""
        return self.compute is not Compute.NONE


def _plain_table() -> dict[str, OpSpec]:
    rows = (entry.partition(":") for entry in BUILTIN_KINDS)
    return {name: OpSpec(name, code, options) for code, (name, _, options) in enumerate(rows)}


# (operator, activation, weights, bias, axis of output channels in the weights, how MACs are counted)
# Source of positions:
# tensorflow/lite/kernels/{conv,depthwise_conv,transpose_conv,fully_connected,conv3d,batch_matmul,svdf,…}.cc;
# of axes: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
_COMPUTING = (
    ("CONV_2D", 0, 1, 2, 0, Compute.CONV),
    ("DEPTHWISE_CONV_2D", 0, 1, 2, 3, Compute.DEPTHWISE),
    ("TRANSPOSE_CONV", 2, 1, 3, 0, Compute.TRANSPOSE_CONV),
    ("CONV_3D", 0, 1, 2, 4, Compute.CONV),
    ("CONV_3D_TRANSPOSE", 2, 1, 3, 3, Compute.TRANSPOSE_CONV),
    ("FULLY_CONNECTED", 0, 1, 2, 0, Compute.FULLY_CONNECTED),
    ("BATCH_MATMUL", 0, 1, None, None, Compute.MATMUL),
    ("UNIDIRECTIONAL_SEQUENCE_LSTM", 0, None, None, None, Compute.LSTM),
    ("BIDIRECTIONAL_SEQUENCE_LSTM", 0, None, None, None, Compute.LSTM),
    ("LSTM", 0, None, None, None, Compute.LSTM),
    ("RNN", 0, 1, 3, 0, Compute.RNN),
    ("UNIDIRECTIONAL_SEQUENCE_RNN", 0, 1, 3, 0, Compute.RNN),
    ("BIDIRECTIONAL_SEQUENCE_RNN", 0, None, None, None, Compute.RNN),
    ("SVDF", 0, 1, 3, 0, Compute.SVDF),
)
_KEEPING = (
    "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "PAD", "PADV2",
    "MIRROR_PAD", "SLICE",
    "STRIDED_SLICE", "SPLIT", "SPLIT_V", "PACK", "UNPACK", "CONCATENATION", "GATHER", "GATHER_ND", "SPACE_TO_DEPTH",
    "DEPTH_TO_SPACE", "SPACE_TO_BATCH_ND", "BATCH_TO_SPACE_ND", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR",
    "MAXIMUM", "MINIMUM",
    "REDUCE_MAX", "REDUCE_MIN", "TILE", "REVERSE_V2", "BROADCAST_TO", "TOPK_V2", "DYNAMIC_UPDATE_SLICE", "SELECT",
    "SELECT_V2",
    "DILATE", "REVERSE_SEQUENCE", "SCATTER_ND",
)  # fmt: skip
_CALLING = {
    "CALL": ("subgraph",),
    "IF": ("thenSubgraphIndex", "elseSubgraphIndex"),
    "WHILE": ("condSubgraphIndex", "bodySubgraphIndex"),
    "CALL_ONCE": ("initSubgraphIndex",),
    "STABLEHLO_WHILE": ("condSubgraphIndex", "bodySubgraphIndex"),
    "STABLEHLO_CASE": ("branchSubgraphIndices",),
    "STABLEHLO_REDUCE": ("bodySubgraphIndex",),
    "STABLEHLO_REDUCE_WINDOW": ("bodySubgraphIndex",),
    "STABLEHLO_SCATTER": ("updateComputationSubgraphIndex",),
    "STABLEHLO_SORT": ("comparatorSubgraphIndex",),
    "STABLEHLO_COMPOSITE": ("decompositionSubgraphIndex",),
    "STABLEHLO_CUSTOM_CALL": ("calledComputations",),
}


def _table() -> dict[str, OpSpec]:
    table = _plain_table()
    for name, activation, weights, bias, axis, compute in _COMPUTING:
        table[name] = replace(
            table[name], activation=activation, weights=weights, bias=bias, channel_axis=axis, compute=compute
        )
    for name in _KEEPING:
        table[name] = replace(table[name], keeps_quantization=True)
    table["GATHER"] = replace(table["GATHER"], activation=1, weights=0)
    table["EMBEDDING_LOOKUP"] = replace(table["EMBEDDING_LOOKUP"], activation=0, weights=1)
    for name, fields in _CALLING.items():
        table[name] = replace(table[name], subgraph_fields=fields)
    return table


OPS: dict[str, OpSpec] = _table()
"""Every builtin operator of the schema by its name."""

_KINDS = tuple(OPS)


def kind_of_code(code: int) -> str:
    """The operator's name for its number in the schema.

    Raises:
        ModelError: the schema at hand has no such operator.
    """
    if not 0 <= code < len(_KINDS):
        raise ModelError(
            f"No operator has the number {code}.",
            "The model is damaged, or was written by a newer converter: update edgekit and ai-edge-litert.",
        )
    return _KINDS[code]


def spec_of(op: Op) -> OpSpec:
    """The table's row for an operator.

    Raises:
        ModelError: its kind is not in the table.
    """
    spec = OPS.get(op.kind)
    if spec is None:
        raise ModelError(f"Operator '{op.name}' is of the kind {op.kind}, which does not exist.")
    return spec


def weights_of(op: Op) -> Tensor | None:
    """The weights input of an operator, None where it has none."""
    return _input(op, spec_of(op).weights)


def is_float(model: Model) -> bool:
    """Whether everything that multiplies and accumulates does so on float32 weights and activations."""
    tensors = (t for op in model.ops() if spec_of(op).is_compute for t in (weights_of(op), activation_of(op)))
    return all(t is None or t.dtype is DType.FLOAT32 for t in tensors)


def bias_of(op: Op) -> Tensor | None:
    """The bias input of an operator, None where it has none."""
    return _input(op, spec_of(op).bias)


def activation_of(op: Op) -> Tensor | None:
    """The input of an operator that carries the activation, None where it has none."""
    return _input(op, spec_of(op).activation)


def _input(op: Op, position: int | None) -> Tensor | None:
    return op.inputs[position] if position is not None and position < len(op.inputs) else None
