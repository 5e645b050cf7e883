"""Whether a graph is legal: what every importer's and every step's result must be."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.types import DType

_MAX_ELEMENTS = 2**31  # TFLite counts elements in 32 bits
_FLOAT32_MAX = float(np.finfo(np.float32).max)


def check(model: Model) -> None:
    """Raises ModelError that names the graph, operator or tensor and what is wrong with it."""
    if not model.graphs:
        raise ModelError("the model has no graph")
    for graph in model.graphs:
        if problem := next(_graph_problems(graph), None):
            raise ModelError(f"the model is illegal: {problem}")
    if not model.main.outputs:
        raise ModelError("the model is illegal: it has no output")
    for signature in model.signatures:
        _check_signature(signature.key, signature.graph, model, [*signature.inputs.values(), *signature.outputs.values()])


def _check_signature(key: str, graph: Graph, model: Model, tensors: list[Tensor]) -> None:
    if not any(graph is g for g in model.graphs):
        raise ModelError(f"the model is illegal: the signature {key!r} is of a graph that is not in it")
    known = {id(t) for t in graph.tensors}
    for tensor in tensors:
        if id(tensor) not in known:
            raise ModelError(f"the model is illegal: the signature {key!r} names {tensor.name!r}, which is not there")


def _graph_problems(graph: Graph) -> Iterator[str]:
    known = {id(t) for t in graph.tensors}
    for tensor in (*graph.inputs, *graph.outputs):
        if id(tensor) not in known:
            yield f"the input or output {tensor.name!r} is not among the tensors of {graph.name!r}"
    for tensor in graph.tensors:
        yield from _tensor_problems(tensor)
    yield from _order_problems(graph, known)


def _order_problems(graph: Graph, known: set[int]) -> Iterator[str]:
    """Each value is made once, and before it is used."""
    made = {id(t) for t in graph.inputs}
    made |= {id(t) for t in graph.tensors if t.is_constant or t.is_variable or _from_outside(t)}
    for op in graph.ops:
        yield from _op_problems(op, known, made)
        made |= {id(t) for t in op.outputs}
    for tensor in graph.outputs:
        if id(tensor) not in made:
            yield f"the output {tensor.name!r} of {graph.name!r} is never made"


def _op_problems(op: Op, known: set[int], made: set[int]) -> Iterator[str]:
    for tensor in (*op.inputs, *op.outputs, *op.intermediates):
        if tensor is not None and id(tensor) not in known:
            yield f"{op.kind} {op.name!r} uses {tensor.name!r}, which is not among the graph's tensors"
    for tensor in op.inputs:
        if tensor is not None and id(tensor) not in made and tensor.size:
            yield f"{op.kind} {op.name!r} reads {tensor.name!r} before it is made"
    for tensor in op.outputs:
        if id(tensor) in made and not tensor.is_variable:
            yield f"{op.kind} {op.name!r} makes {tensor.name!r}, which has a value already"


def _tensor_problems(tensor: Tensor) -> Iterator[str]:
    if any(d < 0 for d in tensor.shape) or math.prod(tensor.shape) >= _MAX_ELEMENTS:
        yield f"the tensor {tensor.name!r} has the impossible shape {list(tensor.shape)}"
        return
    fixed = tensor.dtype.bits and tensor.sparsity is None
    if tensor.is_constant and fixed and tensor.buffer.data.size != tensor.nbytes:
        yield (
            f"the constant {tensor.name!r} has {tensor.buffer.data.size} bytes; {tensor.dtype.label} "
            f"{list(tensor.shape)} takes {tensor.nbytes}"
        )
    if tensor.is_quantized:
        yield from _quantization_problems(tensor)


def _quantization_problems(tensor: Tensor) -> Iterator[str]:
    q = tensor.quantization
    assert q is not None
    if q.details is not None:
        return
    name = f"the quantization of {tensor.name!r}"
    if q.is_per_channel and not (0 <= q.axis < len(tensor.shape) and tensor.shape[q.axis] == q.scale.size):
        yield f"{name} has {q.scale.size} scales, which do not fit axis {q.axis} of {list(tensor.shape)}"
    if q.zero_point.size not in (q.scale.size, 1):
        yield f"{name} has {q.scale.size} scales but {q.zero_point.size} zero points"
    if not (np.all(np.isfinite(q.scale)) and np.all(q.scale >= 0)):
        yield f"{name} has a scale that is not a positive number"
    low, high = stored_range(tensor.dtype)
    if np.any((q.zero_point < low) | (q.zero_point > high)):
        yield f"{name} has a zero point outside of {tensor.dtype.label}"


def stored_range(dtype: DType) -> tuple[int, int]:
    """The smallest and largest integer that a tensor of this integer type holds."""
    signed = not dtype.name.startswith("U")
    bits = dtype.bits
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


def _from_outside(tensor: Tensor) -> bool:
    """Whether its value lies in a file beside the model (external buffers)."""
    return bool(getattr(tensor.raw, "externalBuffer", 0))
