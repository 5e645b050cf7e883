"""The layers with weights of a graph: each constant with the operators that read it."""

from __future__ import annotations

from dataclasses import dataclass

from edgekit.graph.model import Graph, Op, Tensor
from edgekit.graph.ops import Compute, activation_of, spec_of, weights_of
from edgekit.graph.types import DType

_PER_CHANNEL = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "CONV_3D"})
_TABLES = frozenset({"GATHER", "EMBEDDING_LOOKUP"})
_RECURRENT = frozenset({Compute.LSTM, Compute.RNN, Compute.SVDF})


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """Weights in one buffer, and what reads them.

    Attributes:
        ops: every operator that reads them, in graph order; places: their numbers in the graph.
        weights: the tensors; several only in recurrent operators, or where tensors share a buffer.
        scale_axis: the axis with a scale for each index; None for one scale.
        channel_axis: the axis that counts output channels; None where they cannot be cut one by one.
    """

    ops: tuple[Op, ...]
    places: tuple[int, ...]
    weights: tuple[Tensor, ...]
    scale_axis: int | None
    channel_axis: int | None

    @property
    def position(self) -> int:
        """The number of the first operator."""
        return self.places[0]

    @property
    def kind(self) -> str:
        """The first operator's."""
        return self.ops[0].kind

    @property
    def channels(self) -> int:
        """Output channels: the last axis of what the layer computes."""
        shape = self.ops[0].outputs[0].shape
        return shape[-1] if shape else 1


def find_layers(graph: Graph) -> tuple[Weighted, ...]:
    """The layers of `graph` with float constants for weights, by the place of their first operator."""
    found: dict[int, list[tuple[int, Op]]] = {}
    for place, op in enumerate(graph.ops):
        held = float_weights(op)
        if held:
            found.setdefault(id(held[0].buffer), []).append((place, op))
    return tuple(_layer(readers) for readers in found.values())


def float_weights(op: Op) -> tuple[Tensor, ...]:
    """The float constants of an operator that are weights: several in recurrent ones."""
    spec = spec_of(op)
    if spec.compute in _RECURRENT:
        held = dict.fromkeys(t for t in op.inputs[1:] if t is not None and len(t.shape) == 2)
        return tuple(t for t in held if _is_float(t))
    if spec.compute is Compute.MATMUL:
        return tuple(t for t in op.inputs[:2] if t is not None and _is_float(t))[:1]
    tensor = weights_of(op)
    return (tensor,) if tensor is not None and _is_float(tensor) else ()


def data_of(op: Op) -> Tensor | None:
    """What the weights of an operator are applied to; None where it is not one tensor of values."""
    source = activation_of(op)
    if source is not None and source.is_constant and spec_of(op).compute is Compute.MATMUL:
        source = op.inputs[1]
    return source if source is not None and not source.is_constant else None


def _is_float(tensor: Tensor) -> bool:
    plain = tensor.sparsity is None and tensor.external_buffer is None
    return tensor.dtype is DType.FLOAT32 and tensor.is_constant and plain


def _layer(readers: list[tuple[int, Op]]) -> Weighted:
    ops = tuple(op for _, op in readers)
    kind = ops[0].kind
    weights = tuple(dict.fromkeys(t for op in ops for t in float_weights(op)))
    one_kind = all(op.kind == kind for op in ops)
    axis = spec_of(ops[0]).channel_axis if one_kind and kind in _PER_CHANNEL else None
    table = one_kind and kind in _TABLES and all(_gathers_rows(op, weights[0]) for op in ops)
    return Weighted(
        ops, tuple(place for place, _ in readers), weights, axis, len(weights[0].shape) - 1 if table else axis
    )


def _gathers_rows(op: Op, table: Tensor) -> bool:
    """Whether the operator picks rows of the table, so that its columns are output channels."""
    return len(table.shape) == 2 and not getattr(op.options, "axis", 0) and op.outputs[0].shape[-1] == table.shape[-1]
