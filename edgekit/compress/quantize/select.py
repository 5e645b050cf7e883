"""Which operator gets which precision and algorithm, and why some stay float."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from edgekit.compress.options import near
from edgekit.compress.quantize import library
from edgekit.compress.quantize.casting import LEAST_ELEMENTS
from edgekit.compress.quantize.islands import can_follow
from edgekit.compress.quantize.library import Treatment
from edgekit.compress.quantize.options import Algorithm, Bits, QuantizeOptions, Scheme
from edgekit.compress.quantize.plan import STATIC, Assignment, By, Precision
from edgekit.core.errors import UsageError
from edgekit.graph.model import Model, Op, Tensor
from edgekit.graph.types import DType

if TYPE_CHECKING:
    from edgekit.targets.target import Target

WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "BATCH_MATMUL",
                      "EMBEDDING_LOOKUP"})  # fmt: skip
_FLOAT_INPUT = frozenset({Algorithm.HADAMARD, Algorithm.OSCAR})  # the library rotates or scales it in float
FOUR_BITS = frozenset({"CONV_2D", "FULLY_CONNECTED"})
_WEIGHTS_AT = {"BATCH_MATMUL": (0, 1)}  # elsewhere the second input holds them


def assign(model: Model, options: QuantizeOptions, target: Target | None = None) -> tuple[Assignment, ...]:
    """What each operator with float tensors becomes.

    Raises UsageError for an exclusion that names no operator, and for an algorithm that a kind of operator lacks.
    """
    excluded = _named(model, options.exclude, "exclude")
    asked: dict[str, Bits] = {}
    for row in options.weights:
        asked |= dict.fromkeys(_named(model, (row.op,), "weights"), row.bits)
    _check_algorithms(model, options)
    assignments = []
    for graph in model.graphs:
        for op in graph.ops:
            if not has_float(op):
                continue
            if graph is not model.main:
                assignments.append(_stays(op, "it runs inside a loop or a branch, which stays float"))
            elif op.name in excluded or asked.get(op.name) is Bits.FLOAT:
                assignments.append(_stays(op, "excluded"))
            else:
                assignments.append(_assign(op, options, target, asked.get(op.name)))
    return tuple(assignments)


def has_float(op: Op) -> bool:
    """Whether an operator computes on floats."""
    return any(t is not None and t.dtype is DType.FLOAT32 for t in (*op.inputs, *op.outputs))


def weights(op: Op) -> Tensor | None:
    """The constant weights of an operator, or None."""
    if op.kind not in WEIGHTED:
        return None
    places = (p for p in _WEIGHTS_AT.get(op.kind, (1,)) if p < len(op.inputs))
    constants = (op.inputs[p] for p in places)
    return next((t for t in constants if t is not None and t.is_constant), None)


def _assign(op: Op, options: QuantizeOptions, target: Target | None, asked: Bits | None) -> Assignment:
    held = weights(op)
    if held is not None and held.dtype is not DType.FLOAT32:
        return _stays(op, f"its weights are {held.dtype.label} already")
    if options.scheme is Scheme.FLOAT16:
        return _float16(op)
    if options.scheme is Scheme.DYNAMIC:
        return _dynamic(op, options)
    return _static(op, options, target, asked)


def _float16(op: Op) -> Assignment:
    if any(t is not None and _worth_casting(t) for t in op.inputs):
        by = By.LIBRARY if library.supports(op.kind, Treatment(Precision.FLOAT16, Algorithm.MIN_MAX)) else By.EDGEKIT
        return Assignment(op.name, op.kind, Precision.FLOAT16, by=by)
    return _stays(op, "it has no weights worth it")


def _worth_casting(tensor: Tensor) -> bool:
    return tensor.is_constant and tensor.dtype is DType.FLOAT32 and tensor.size >= LEAST_ELEMENTS


def _dynamic(op: Op, options: QuantizeOptions) -> Assignment:
    if op.kind == "GATHER" and _float_table(op):
        why = "its table becomes int8 with one scale, and what is gathered is made float again"
        return Assignment(op.name, op.kind, Precision.DYNAMIC, by=By.EDGEKIT, why=why)
    if weights(op) is None:
        return _stays(op, "it has no weights")
    algorithm, why = _algorithm(op, Precision.DYNAMIC, options)
    if not library.supports(op.kind, Treatment(Precision.DYNAMIC, algorithm)):
        return _stays(op, f"no runtime quantizes the activations of {op.kind} while running")
    return Assignment(op.name, op.kind, Precision.DYNAMIC, algorithm, why=why)


def _static(op: Op, options: QuantizeOptions, target: Target | None, asked: Bits | None) -> Assignment:
    for precision in _precisions(op, options, target, asked):
        algorithm, why = _algorithm(op, precision, options)
        if library.supports(op.kind, Treatment(precision, algorithm)):
            return Assignment(op.name, op.kind, precision, algorithm, why=why)
        if can_follow(op, precision.activation_bits):
            return Assignment(op.name, op.kind, precision, by=By.EDGEKIT)
    return _stays(op, f"there is no rule for {options.scheme.value} {op.kind}")


def _precisions(op: Op, options: QuantizeOptions, target: Target | None, asked: Bits | None) -> Iterator[Precision]:
    """What to try, the fewest bits first."""
    wanted = asked is Bits.INT4 or (options.scheme is Scheme.INT4 and asked is None)
    if wanted and can_have_four_bits(op, target):
        yield Precision.W4_A8
    yield STATIC[options.scheme]


def can_have_four_bits(op: Op, target: Target | None) -> bool:
    """Whether the operator has weights that kernels take as int4, and the target has such a kernel."""
    return op.kind in FOUR_BITS and weights(op) is not None and (target is None or _runs_four_bits(target, op.kind))


def _runs_four_bits(target: Target, kind: str) -> bool:
    from edgekit.targets.case import Level
    from edgekit.targets.rules import supports

    return supports(target, kind, DType.INT8, DType.INT4, per_channel=True).level is not Level.CANNOT


def _algorithm(op: Op, precision: Precision, options: QuantizeOptions) -> tuple[Algorithm, str]:
    """The algorithm for an operator's weights, and why it is not the one that was asked for."""
    held = weights(op)
    if held is None:
        return Algorithm.MIN_MAX, ""
    asked = next((a.algorithm for a in options.algorithms if a.kind == op.kind), options.algorithm)
    if asked in _FLOAT_INPUT and precision.activation_bits < 32:
        return Algorithm.MIN_MAX, f"{asked.value} needs a float input, so it is for the scheme dynamic; min-max instead"
    if not library.supports(op.kind, Treatment(precision, asked)):
        return Algorithm.MIN_MAX, f"the library has no {asked.value} for {op.kind}, so min-max"
    if asked is Algorithm.MSE and _has_dead_channel(op, held):
        return Algorithm.MIN_MAX, "a channel of its weights is all zero, for which mse has no scale, so min-max"
    return asked, ""


def _has_dead_channel(op: Op, held: Tensor) -> bool:
    data = held.data
    if data is None:
        return False
    axis = 3 if op.kind == "DEPTHWISE_CONV_2D" else 0
    return not data.any(axis=tuple(a for a in range(data.ndim) if a != axis)).all()


def _float_table(op: Op) -> bool:
    table = op.inputs[0]
    return table is not None and table.is_constant and table.dtype is DType.FLOAT32


def _stays(op: Op, why: str) -> Assignment:
    return Assignment(op.name, op.kind, Precision.FLOAT, why=why)


def _named(model: Model, patterns: Iterable[str], option: str) -> frozenset[str]:
    """The operators that the patterns name. Raises UsageError where one names none."""
    names = [op.name for graph in model.graphs for op in graph.ops]
    found: set[str] = set()
    for pattern in patterns:
        matches = {n for n in names if n == pattern or fnmatch.fnmatchcase(n, pattern)}
        if not matches:
            raise UsageError(
                f"quantize.{option}: no operator is called {pattern!r}{near(pattern, names)}",
                "edgekit inspect MODEL --ops lists the names",
            )
        found |= matches
    return frozenset(found)


def _check_algorithms(model: Model, options: QuantizeOptions) -> None:
    """Refuse an algorithm that was asked for one kind of operator, and that this kind does not have."""
    kinds = {op.kind for graph in model.graphs for op in graph.ops}
    for asked in options.algorithms:
        if asked.kind not in kinds:
            raise UsageError(f"quantize.algorithms: the model has no {asked.kind}{near(asked.kind, kinds)}")
        precision = STATIC.get(options.scheme, Precision.DYNAMIC)
        if not library.supports(asked.kind, Treatment(precision, asked.algorithm)):
            known = [a.value for a in Algorithm if library.supports(asked.kind, Treatment(precision, a))]
            raise UsageError(
                f"quantize.algorithms: the library has no {asked.algorithm.value} for {asked.kind}",
                f"it has: {', '.join(known) or 'none'}",
            )
