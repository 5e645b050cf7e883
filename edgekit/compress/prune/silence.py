"""The oracle of a cut: the same model with those channels at zero wherever they are read, and not smaller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgekit.compress.prune.chosen import Kept, choose
from edgekit.compress.prune.remove import own_copy
from edgekit.compress.prune.trace import Place, Role, is_vector
from edgekit.graph.check import check
from edgekit.graph.model import Buffer, Graph, Model, Op, Tensor


def with_zero_units(model: Model, gone: Mapping[str, Sequence[int]]) -> Model:
    """A clone with all its shapes in which units count for nothing: what sums over them sums over zeros.

    Channels are read where an operator sums over them; everything else only carries them. So zero goes
    where they are read: into the columns of the weights that meet them, or, where an operator sums over an
    activation without weights, into a mask before it. (At zero where they are made would not be the same:
    behind LOGISTIC or EXP they would not be zero any more.)

    Given   conv A ─ a ─ LOGISTIC ─ b ─ conv B
    Result  conv A ─ a ─ LOGISTIC ─ b ─ conv B', whose weights for those channels of b are zero

    The outputs equal those of `without_units`, up to the order of sums, as long as what is read is finite.
    Raises ModelError as `without_units` does.
    """
    chosen = choose(model, gone)
    for place, kept in chosen.kept.items():
        if place.role is Role.CONSUMES:
            _silence(chosen.model.main, place, kept)
    check(chosen.model)
    return chosen.model


def _silence(graph: Graph, place: Place, kept: Kept) -> None:
    tensor = place.tensor
    if place.op is not None and tensor.is_constant and is_vector(tensor) and len(graph.consumers(tensor)) > 1:
        tensor = own_copy(graph, tensor, place.op)
    mask = kept.reshape([-1 if a == place.axis else 1 for a in range(len(tensor.shape))])
    data = tensor.data
    if data is not None:
        tensor.set_data(np.where(mask, data, data.dtype.type(0)))
    elif place.op is not None:
        _mask(graph, tensor, place.op, mask)


def _mask(graph: Graph, tensor: Tensor, op: Op, mask: Kept) -> None:
    """Given  a ─ op    Result  a ─ MUL by zeros and ones ─ op"""
    zeros = Tensor(graph.unique_name(f"{tensor.name}/kept"), mask.shape, tensor.dtype, Buffer())
    zeros.set_data(mask.astype(tensor.dtype.numpy))
    masked = Tensor(graph.unique_name(f"{tensor.name}/masked"), tensor.shape, tensor.dtype)
    masked.shape_signature = tensor.shape_signature
    source = graph.producer(tensor)
    graph.insert(Op("MUL", [tensor, zeros], [masked], schema.MulOptionsT()), after=source)
    op.inputs = [masked if t is tensor else t for t in op.inputs]
