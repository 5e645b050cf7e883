"""Whether a model is legal: what every importer's and every step's result must pass."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from edgekit.core.errors import ModelError
from edgekit.graph.edit import referenced_by, scale_tensors
from edgekit.graph.model import Graph, Model, Op, Quantization, Signature, Tensor
from edgekit.graph.ops import OPS
from edgekit.graph.types import DType

_MAX_ELEMENTS = 1 << 31  # TFLite counts elements in 32 bits
_BIAS = (DType.INT32, DType.INT64)  # a bias' scale follows from others, and converters round it down to nothing


def check(model: Model) -> None:
    """Raises ModelError with the first thing that is wrong: which operator, which tensor, what."""
    problem = next(problems(model), None)
    if problem is not None:
        raise ModelError(problem)


def problems(model: Model) -> Iterator[str]:
    """Everything that is wrong with a model, one sentence each."""
    if not model.graphs:
        yield "The model has no graph."
        return
    for graph in model.graphs:
        yield from _graph(graph, model)
    if not model.main.outputs:
        yield f"Graph '{model.main.name}' has no outputs."
    for signature in model.signatures:
        yield from _signature(signature, model)


def _graph(graph: Graph, model: Model) -> Iterator[str]:
    known = set(graph.tensors)
    if len(known) != len(graph.tensors):
        yield f"Graph '{graph.name}' lists a tensor twice."
    for tensor in chain(graph.inputs, graph.outputs):
        if tensor not in known:
            yield f"Tensor '{tensor.name}' is an input or output of graph '{graph.name}' and not among its tensors."
    for tensor in graph.tensors:
        yield from _tensor(tensor, known)
    for op in graph.ops:
        yield from _op(op, known, model)
    yield from _order(graph)


def _op(op: Op, known: set[Tensor], model: Model) -> Iterator[str]:
    where = f"Operator {op.label} '{op.name}'"
    if op.kind not in OPS:
        yield f"{where} is of a kind that does not exist."
    if op.kind == "CUSTOM" and not op.custom_name:
        yield f"{where} is a custom operator without a name."
    for tensor in referenced_by(op):
        if tensor not in known:
            yield f"{where} refers to tensor '{tensor.name}', which is not among its graph's tensors."
    for graph in op.subgraphs:
        if graph not in model.graphs:
            yield f"{where} runs graph '{graph.name}', which is not in the model."


def _order(graph: Graph) -> Iterator[str]:
    """Every value has one source, and has it before it is read."""
    made_somewhere = {t for op in graph.ops for t in op.outputs}
    ready = set(graph.inputs) | {t for t in graph.tensors if _has_value(t)}
    made: set[Tensor] = set()
    for op in graph.ops:
        for tensor in op.inputs:
            if tensor is None or tensor in ready or (tensor not in made_somewhere and not tensor.size):
                continue  # what has no elements needs no value
            fate = "is computed only after it" if tensor in made_somewhere else "nothing computes"
            yield f"Operator {op.label} '{op.name}' reads tensor '{tensor.name}', which {fate}."
        for tensor in op.outputs:
            if tensor in made:
                yield f"Operator {op.label} '{op.name}' computes tensor '{tensor.name}', which another computes too."
            elif tensor in ready and not tensor.is_variable:
                yield f"Operator {op.label} '{op.name}' computes tensor '{tensor.name}', an input or a constant."
        made.update(op.outputs)
        ready.update(op.outputs)
    for tensor in graph.outputs:
        if tensor not in ready and tensor.size:
            yield f"Tensor '{tensor.name}' is an output of graph '{graph.name}', and nothing computes it."


def _has_value(tensor: Tensor) -> bool:
    """Constants and variables; resources and variants are handles that a runtime may make itself."""
    return tensor.is_constant or tensor.is_variable


def _tensor(tensor: Tensor, known: set[Tensor]) -> Iterator[str]:
    where = f"Tensor '{tensor.name}'"
    if any(d < 0 for d in tensor.shape) or tensor.size >= _MAX_ELEMENTS:
        yield f"{where} has the impossible shape {list(tensor.shape)}."
        return
    signature = tensor.shape_signature
    if signature and len(signature) != len(tensor.shape):
        yield f"{where} has a shape signature {list(signature)} of another rank than its shape {list(tensor.shape)}."
    dense = tensor.dtype.bits and tensor.sparsity is None and tensor.external_buffer is None
    if tensor.is_constant and dense and tensor.buffer.nbytes != tensor.nbytes:
        yield (
            f"{where} of {tensor.dtype.label}{list(tensor.shape)} needs {tensor.nbytes} bytes, "
            f"its buffer has {tensor.buffer.nbytes}."
        )
    for other in scale_tensors(tensor):
        if other not in known:
            yield f"{where} has its scales in tensor '{other.name}', which is not among its graph's tensors."
    if tensor.quantization is not None and tensor.quantization.scale.size:
        yield from _quantization(tensor, tensor.quantization)


def _quantization(tensor: Tensor, q: Quantization) -> Iterator[str]:
    where = f"Tensor '{tensor.name}'"
    rank = len(tensor.shape)
    count = q.scale.size
    if count > 1 and not (0 <= q.axis < rank and tensor.shape[q.axis] == count):
        yield f"{where} has {count} scales, which do not fit axis {q.axis} of its shape {list(tensor.shape)}."
    if q.zero_point.size not in (0, 1, count):
        yield f"{where} has {count} scales and {q.zero_point.size} zero points."
    if not np.all(np.isfinite(q.scale)):
        yield f"{where} has a scale that is not a finite number."
    elif np.any(q.scale < 0) or (np.any(q.scale == 0) and tensor.dtype not in _BIAS):
        yield f"{where} has a scale that is not greater than zero."
    limits = tensor.dtype.integer_range
    if limits and np.any((q.zero_point < limits[0]) | (q.zero_point > limits[1])):
        yield f"{where} has a zero point outside of {tensor.dtype.label}."


def _signature(signature: Signature, model: Model) -> Iterator[str]:
    where = f"Signature '{signature.key}'"
    if signature.graph not in model.graphs:
        yield f"{where} is of a graph that is not in the model."
    for names, ends, what in (
        (signature.inputs, signature.graph.inputs, "input"),
        (signature.outputs, signature.graph.outputs, "output"),
    ):
        for name, tensor in names.items():
            if tensor not in ends:
                yield f"{where} names tensor '{tensor.name}' as {what} '{name}', and the graph does not."
