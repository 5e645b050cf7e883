"""What a changed layer saves: bytes of weights, multiply-accumulates, bytes of its output. Runs nothing."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.compress.analysis.choice import Choice
from edgekit.compress.analysis.layers import Weighted, float_weights
from edgekit.compress.watching import INPUT_SCALE, SAME_VALUES
from edgekit.graph.cost import op_macs
from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.ops import Compute, bias_of, spec_of

_SCALE_BYTES = 12  # a float32 scale and an int64 zero point, as the file stores them
# Zero in gives zero out, or a constant that the next bias takes: a channel that is gone is gone behind them too.
_PASSING = (SAME_VALUES | INPUT_SCALE | {"RELU", "RELU6", "RELU_N1_TO_1", "LEAKY_RELU", "PRELU", "ELU", "GELU",
            "HARD_SWISH", "TANH", "LOGISTIC", "ABS", "NEG", "SQUARE", "SQRT", "MEAN", "SUM", "ADD", "SUB", "MUL", "DIV",
            "CONCATENATION", "DEPTHWISE_CONV_2D"}) - {"GATHER", "GATHER_ND"}  # fmt: skip
_REDUCING = frozenset({"MEAN", "SUM"})
_KEEPING = _PASSING | {"SOFTMAX", "LOG_SOFTMAX"}


@dataclass(frozen=True, slots=True)
class Saving:
    """Bytes of weights, multiply-accumulates, and bytes of the layer's output."""

    weight_bytes: int
    macs: int
    activation_bytes: int


def output_bytes(layer: Weighted) -> int:
    """Bytes of the float output of the layer; of the largest where several operators share its weights."""
    return max(op.outputs[0].nbytes for op in layer.ops)


def saving(graph: Graph, layer: Weighted, choice: Choice) -> Saving:
    """What `choice` saves. Weights that are needed in float elsewhere too are not counted as such."""
    if not choice.cut:
        stored = sum(_stored_bytes(t, choice, layer.scale_axis) for t in layer.weights)
        held = sum(t.nbytes for t in layer.weights)
        activation = output_bytes(layer) * (32 - choice.activation_bits) // 32
        return Saving(max(held - stored, 0), 0, activation)
    count = cut_count(layer.channels, choice)
    share = count / layer.channels
    behind = _behind(graph, layer, share)
    own = sum(t.nbytes for t in layer.weights) + sum(b.nbytes for op in layer.ops if (b := bias_of(op)) is not None)
    macs = sum(op_macs(op) for op in layer.ops)
    return Saving(
        round(own * share) + behind.weight_bytes, round(macs * share) + behind.macs, round(output_bytes(layer) * share)
    )


def cut_count(channels: int, choice: Choice) -> int:
    """How many output channels go; one always stays."""
    return min(round(channels * choice.cut), channels - 1)


def is_interface(graph: Graph, layer: Weighted) -> bool:
    """Whether the layer's channels are those of an output of the model, which keeps its shape."""
    reached = {op.outputs[0] for op in layer.ops}
    for op in graph.ops[layer.position :]:
        if op.kind in _KEEPING and not reached.isdisjoint(op.inputs):
            reached.update(op.outputs)
    return not reached.isdisjoint(graph.outputs)


def _stored_bytes(tensor: Tensor, choice: Choice, axis: int | None) -> int:
    bits = choice.weight_bits
    scales = 0 if bits > 8 else _SCALE_BYTES * (1 if axis is None else tensor.shape[axis])
    return (tensor.size * bits + 7) // 8 + scales


def _behind(graph: Graph, layer: Weighted, share: float) -> Saving:
    """What the layers behind need no more: each loses the share of its input that is gone.

    The share follows the values through operators that keep channels apart, thins out in concatenations, and ends
    where another branch still brings the channel (ADD) or where channels mix.
    """
    gone = {op.outputs[0]: share for op in layer.ops}
    weights = macs = 0.0
    for op in graph.ops[layer.position :]:
        shares = [gone.get(t, 0.0) for t in op.inputs if t is not None and not t.is_constant]
        if op in layer.ops or not any(shares):
            continue
        if spec_of(op).compute in (Compute.CONV, Compute.FULLY_CONNECTED, Compute.TRANSPOSE_CONV, Compute.DEPTHWISE):
            macs += op_macs(op) * max(shares)
            weights += sum(t.nbytes for t in float_weights(op)) * max(shares)
        if op.kind in _PASSING and (left := _passed(op, gone)):
            gone.update(dict.fromkeys(op.outputs, left))
    return Saving(round(weights), round(macs), 0)


def _passed(op: Op, gone: dict[Tensor, float]) -> float:
    """The share of an operator's output that is gone."""
    data = [t for t in op.inputs if t is not None and not t.is_constant]
    if op.kind == "CONCATENATION":
        return sum(gone.get(t, 0.0) * t.size for t in data) / max(sum(t.size for t in data), 1)
    if op.kind in _REDUCING and op.outputs[0].shape[-1:] != data[0].shape[-1:]:
        return 0.0
    return min(gone.get(t, 0.0) for t in data)
