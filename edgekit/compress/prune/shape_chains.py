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
    """What an operator's shape operand must hold, -1 where it may be open; None where that is not known."""
    operand = SHAPE_OPERANDS.get(op.kind)
    if operand is None:
        return None
    signature = op.outputs[0].shape_signature or op.outputs[0].shape
    sizes = [n if s >= 0 else -1 for n, s in zip(op.outputs[0].shape, signature, strict=True)][
        operand.first : operand.last
    ]
    return sizes if sum(n < 0 for n in sizes) <= operand.may_be_open else None


def chains(graph: Graph) -> set[Op]:
    """The operators whose results are nothing but shapes that can be stated without them."""
    readers = graph.readers()
    found: set[Op] = set()
    for op in reversed(graph.ops):
        readings = [(reader, tensor) for tensor in op.outputs for reader in readers.get(tensor, [])]
        ends = any(t in graph.outputs for t in op.outputs)
        if readings and not ends and all(r in found or _is_its_shape(r, t) for r, t in readings):
            found.add(op)
    return found


def _is_its_shape(op: Op, tensor: Tensor) -> bool:
    operand = SHAPE_OPERANDS.get(op.kind)
    if operand is None or known_shape(op) is None:
        return False
    return [n for n, t in enumerate(op.inputs) if t is tensor] == [operand.position]


def restate(graph: Graph) -> None:
    """Gives such operators a constant for a shape, and takes out what computed it."""
    found = chains(graph)
    computed = {t for op in found for t in op.outputs}
    for op in graph.ops:
        operand, sizes = SHAPE_OPERANDS.get(op.kind), known_shape(op)
        if operand is None or sizes is None or len(op.inputs) <= operand.position:
            continue
        if op.inputs[operand.position] in computed:
            shape = Tensor(graph.unique_name(f"{op.name}/shape"), (len(sizes),), DType.INT32, Buffer())
            shape.set_data(np.array(sizes, np.int32))
            op.inputs[operand.position] = graph.add_tensor(shape)
    for op in [o for o in reversed(graph.ops) if o in found]:
        graph.remove(op)
