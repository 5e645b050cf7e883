"""Shapes that a model computes while it runs, and that it need not: they are known, but for the batch of a RESHAPE.

    a ─ SHAPE ─ STRIDED_SLICE ─ PACK(batch, 64) ─┐
    a ───────────────────────────────────────── RESHAPE      is      a ─ RESHAPE to (-1, 64)

Converters write the left for a flatten layer. Read so, its channels can be cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgekit.graph.model import Buffer, Graph, Op, Tensor
from edgekit.graph.types import DType


@dataclass(frozen=True, slots=True)
class ShapeOperand:
    """Which input of an operator is a shape, of which axes of the output, and how many of them may be open (-1)."""

    position: int
    first: int = 0
    last: int | None = None
    may_be_open: int = 0


SHAPE_OPERANDS = {
    "RESHAPE": ShapeOperand(1, may_be_open=1),
    "BROADCAST_TO": ShapeOperand(1),
    "TRANSPOSE_CONV": ShapeOperand(0),
    "CONV_3D_TRANSPOSE": ShapeOperand(0),
    "RESIZE_BILINEAR": ShapeOperand(1, 1, 3),
    "RESIZE_NEAREST_NEIGHBOR": ShapeOperand(1, 1, 3),
}


def known_shape(op: Op) -> list[int] | None:
    """What an operator's shape operand must hold, -1 where that is open; None where it has no such operand."""
    operand = SHAPE_OPERANDS.get(op.kind)
    if operand is None or len(op.inputs) <= operand.position:
        return None
    result = op.outputs[0]
    signature = result.shape_signature or result.shape
    return [n if s >= 0 else -1 for n, s in zip(result.shape, signature, strict=True)][operand.first : operand.last]


def chains(graph: Graph) -> set[Op]:
    """The operators whose results are nothing but shapes, which can be stated without them or apart from the batch."""
    readers = graph.readers()
    makers = graph.producers()
    found: set[Op] = set()
    for op in reversed(graph.ops):
        readings = [(reader, tensor) for tensor in op.outputs for reader in readers.get(tensor, [])]
        ends = any(t in graph.outputs for t in op.outputs)
        if readings and not ends and all(r in found or _is_its_shape(r, t, makers, readers) for r, t in readings):
            found.add(op)
    return found


def _is_its_shape(op: Op, tensor: Tensor, makers: dict[Tensor, Op], readers: dict[Tensor, list[Op]]) -> bool:
    operand, sizes = SHAPE_OPERANDS.get(op.kind), known_shape(op)
    if operand is None or sizes is None or [n for n, t in enumerate(op.inputs) if t is tensor] != [operand.position]:
        return False
    packed = makers[tensor].kind == "PACK" and len(readers[tensor]) == 1 and len(makers[tensor].inputs) == len(sizes)
    return packed or _is_statable(op, sizes)


def _is_statable(op: Op, sizes: list[int]) -> bool:
    return sum(n < 0 for n in sizes) <= SHAPE_OPERANDS[op.kind].may_be_open


def restate(graph: Graph) -> None:
    """Gives such operators a constant for a shape, or the parts of it that are known, and takes out what computed it.

    Given   SHAPE ─ STRIDED_SLICE ─ PACK(batch, 8, 8, 64) ─ TRANSPOSE_CONV of 60 channels
    Result  SHAPE ─ STRIDED_SLICE ─ PACK(batch, 8, 8, 60) ─ TRANSPOSE_CONV
    """
    found = chains(graph)
    makers = graph.producers()
    for op in graph.ops:
        operand, sizes = SHAPE_OPERANDS.get(op.kind), known_shape(op)
        shape = op.inputs[operand.position] if operand is not None and sizes is not None else None
        maker = None if shape is None else makers.get(shape)
        if operand is None or sizes is None or maker not in found or maker is None:
            continue
        if _is_statable(op, sizes):
            op.inputs[operand.position] = _constant(graph, f"{op.name}/shape", sizes)
        else:
            maker.inputs = [
                t if n < 0 else _constant(graph, f"{op.name}/size", n) for t, n in zip(maker.inputs, sizes, strict=True)
            ]
    for op in [o for o in reversed(graph.ops) if o in found]:
        if not any(graph.consumers(t) for t in op.outputs):
            graph.remove(op)


def _constant(graph: Graph, name: str, value: int | list[int]) -> Tensor:
    array = np.array(value, np.int32)
    tensor = Tensor(graph.unique_name(name), array.shape, DType.INT32, Buffer())
    tensor.set_data(array)
    return graph.add_tensor(tensor)
