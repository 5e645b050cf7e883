"""Whether a quantized model is what its plan says: every operator, every constant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgekit.compress.quantize.islands import INTEGER
from edgekit.compress.quantize.options import Algorithm
from edgekit.compress.quantize.plan import Assignment, Precision
from edgekit.compress.quantize.select import has_float, weights
from edgekit.core.errors import ModelError
from edgekit.graph.model import Graph, Model, Op, Tensor
from edgekit.graph.types import DType

_BRIDGES = frozenset({"QUANTIZE", "DEQUANTIZE"})
_STORED = {Precision.W8_A8: DType.INT8, Precision.DYNAMIC: DType.INT8, Precision.W8_A16: DType.INT8,
           Precision.W4_A8: DType.INT4, Precision.FLOAT16: DType.FLOAT16}  # fmt: skip
_ACTIVATION = {Precision.W8_A8: DType.INT8, Precision.W4_A8: DType.INT8, Precision.W8_A16: DType.INT16}
_HINT = "exclude the operator, or choose another algorithm or scheme for it"


def audit(model: Model, assignments: tuple[Assignment, ...], original: Mapping[str, str]) -> None:
    """Raises ModelError for the first operator or constant that has not the bits that the plan gives it.

    `model` has short names still; `original` maps them to those of the plan.
    """
    for graph in model.graphs:
        for tensor in graph.tensors:
            _check_constant(tensor, original)
    found = {(_named(op, original), op.kind): op for op in model.main.ops if not _is_added(op, original)}
    for assignment in assignments:
        op = found.get((assignment.op, assignment.kind))
        if op is not None and assignment.precision is not Precision.FLOAT:
            _check_op(model.main, op, assignment)
    _check_nothing_left(model.main, assignments, original)


def _check_constant(tensor: Tensor, original: Mapping[str, str]) -> None:
    """The bytes are those of the type, and the scales can be multiplied with."""
    if tensor.dtype.bits > 16 or not tensor.dtype.bits or not tensor.is_constant:
        return
    name = original.get(tensor.name, tensor.name)
    held = tensor.buffer.nbytes
    if held != tensor.nbytes:
        raise ModelError(
            f"the library left {held} bytes in the {tensor.dtype.label} constant {name}, which has {tensor.nbytes}",
            _HINT,
        )
    scale = tensor.quantization.scale if tensor.quantization is not None else None
    if scale is not None and not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ModelError(f"the library gave the constant {name} a scale that is zero or no number", _HINT)


def _check_op(graph: Graph, op: Op, assignment: Assignment) -> None:
    stored, held = _STORED[assignment.precision], weights(op)
    if assignment.kind == "GATHER":  # its table is an activation that is known beforehand
        stored, held = _ACTIVATION.get(assignment.precision, stored), op.inputs[0]
    if assignment.precision is Precision.FLOAT16:
        return _check_cast(graph, op, assignment)
    if held is not None and held.dtype is not stored:
        raise ModelError(
            f"the library left the weights of {assignment.kind} {assignment.op} as {held.dtype.label}, "
            f"not {stored.label}",
            _HINT,
        )
    wanted = _ACTIVATION.get(assignment.precision)
    if wanted and has_float(op):
        tensor = next(t for t in (*op.inputs, *op.outputs) if t is not None and t.dtype is DType.FLOAT32)
        raise ModelError(
            f"the library left {assignment.kind} {assignment.op} in float at {tensor.name}, not {wanted.label}", _HINT
        )
    return None


def _check_cast(graph: Graph, op: Op, assignment: Assignment) -> None:
    """At least one constant of the operator is float16 now, and none of its weights is float32."""
    makers = [graph.producer(t) for t in op.inputs if t is not None]
    cast = [m for m in makers if m is not None and m.kind == "DEQUANTIZE"]
    held = weights(op)
    if not cast or (held is not None and held.dtype is DType.FLOAT32):
        raise ModelError(f"the library left the weights of {assignment.kind} {assignment.op} as float32", _HINT)


def _check_nothing_left(graph: Graph, assignments: tuple[Assignment, ...], original: Mapping[str, str]) -> None:
    """In a static plan, what computes on floats is what the plan leaves, and what it adds by an algorithm."""
    if not any(a.precision in _ACTIVATION for a in assignments):
        return
    left = {a.op for a in assignments if a.precision is Precision.FLOAT}
    adds = any(a.algorithm in (Algorithm.HADAMARD, Algorithm.OSCAR) for a in assignments)
    planned = {(a.op, a.kind) for a in assignments}
    for op in graph.ops:
        name = _named(op, original)
        added = adds and (_is_added(op, original) or (name, op.kind) not in planned)
        if op.kind in _BRIDGES or not has_float(op) or name in left or added:
            continue
        raise ModelError(f"{op.kind} {name} computes in float, and the plan does not say so", _HINT)


def _is_added(op: Op, original: Mapping[str, str]) -> bool:
    """Whether the library made the operator: its output's name is another one's with something behind it."""
    return op.name not in original and not op.name.endswith(INTEGER)


def _named(op: Op, original: Mapping[str, str]) -> str:
    short = op.name.partition("_")[0]
    return original.get(short, op.name)
