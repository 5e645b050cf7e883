"""What of a graph can learn: its constants with weights, biases, tables and factors, and its activations' scales.

Pure but for the graph.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgekit.compress.linear import is_linear
from edgekit.graph.model import Model, Op, Tensor
from edgekit.graph.ops import bias_of, spec_of, weights_of
from edgekit.graph.types import DType

_FACTORS = ("ADD", "MUL", "SUB", "PRELU", "BATCH_MATMUL")
_TABLES = ("GATHER", "EMBEDDING_LOOKUP")
_FIXED_GRIDS = ("SOFTMAX", "LOGISTIC", "TANH", "LOG_SOFTMAX", "L2_NORMALIZATION")  # their kernels want one grid
_ROUNDING = ("AVERAGE_POOL_2D", "RESIZE_BILINEAR")  # on one grid, but they compute


class Role(enum.Enum):
    """What a constant is for."""

    WEIGHTS = "weights"
    BIAS = "bias"
    TABLE = "table"
    FACTOR = "factor"


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A constant that can learn.

    Attributes:
        index: the tensor's number in the main graph.
        op: the first operator that reads it.
        axis: of the output channels, None where it has none.
    """

    index: int
    tensor: Tensor
    role: Role
    op: Op
    axis: int | None = None


def parameters_of(model: Model) -> tuple[Parameter, ...]:
    """Every constant that can learn, each once, in the order of the operators that read them.

    What prepares the input (factors in front of the first layer) is no part of what was learnt and stays.
    """
    numbers = {tensor: number for number, tensor in enumerate(model.main.tensors)}
    found: dict[Tensor, Parameter] = {}
    learnt: set[Tensor] = set()  # activations behind a layer
    for op in model.main.ops:
        behind = any(t in learnt for t in op.inputs if t is not None)
        for tensor, role, axis in _constants(op, behind):
            if tensor not in found and _can_learn(tensor):
                found[tensor] = Parameter(numbers[tensor], tensor, role, op, axis)
        if behind or is_linear(op) or op.kind in _TABLES:
            learnt |= set(op.outputs)
    return tuple(found.values())


def _constants(op: Op, behind: bool) -> Iterator[tuple[Tensor, Role, int | None]]:
    weights, bias = weights_of(op), bias_of(op)
    if is_linear(op) and weights is not None:
        yield weights, Role.WEIGHTS, spec_of(op).channel_axis
        if bias is not None:
            yield bias, Role.BIAS, 0
    elif op.kind in _TABLES:
        yield from ((t, Role.TABLE, None) for t in op.inputs[:2] if t is not None and len(t.shape) > 1)
    elif op.kind in _FACTORS and behind:
        yield from ((t, Role.FACTOR, None) for t in op.inputs[:2] if t is not None and t.size > 1)


def _can_learn(tensor: Tensor) -> bool:
    if not tensor.is_constant or tensor.sparsity is not None or tensor.external_buffer is not None:
        return False
    return tensor.dtype is DType.FLOAT32 or _has_grid(tensor)


def _has_grid(tensor: Tensor) -> bool:
    grid = tensor.quantization
    return grid is not None and grid.scale.size > 0 and tensor.dtype.is_integer


def is_moving(op: Op) -> bool:
    """Whether an operator hands values on as they are: what comes out stands on the grid of what went in."""
    return spec_of(op).keeps_quantization and op.kind not in _ROUNDING


def scale_groups(model: Model) -> dict[Tensor, int]:
    """Activations whose scale can learn, with the number of their group: those of one group have one scale.

    Tensors that an operator only hands on share a scale. What the outside sees (inputs and outputs) stays, and so do
    grids that a kernel prescribes, those of tables and other constants that are handed on, and all that share one of
    these.
    """
    main = model.main
    groups: dict[Tensor, set[Tensor]] = {
        t: {t} for op in main.ops for t in (*op.inputs, *op.outputs) if t is not None and _is_activation(t)
    }
    fixed = {*main.inputs, *main.outputs, *(t for op in main.ops if op.kind in _FIXED_GRIDS for t in op.outputs)}
    for op in main.ops:
        if spec_of(op).keeps_quantization or op.kind in _TABLES:
            _join(groups, [t for t in (*op.inputs, *op.outputs) if t in groups])
            if any(t is not None and t.is_constant and _has_grid(t) for t in op.inputs):
                fixed |= set(op.outputs)
    numbers: dict[int, int] = {}
    free: dict[Tensor, int] = {}
    for tensor, group in groups.items():
        if not group & fixed:
            free[tensor] = numbers.setdefault(id(group), len(numbers))
    return free


def only_shifts(model: Model) -> bool:
    """Whether the model is quantized so that targets can shift: each weight's scales are powers of two, and stay so."""
    weights = [p.tensor for p in parameters_of(model) if p.role is Role.WEIGHTS and _has_grid(p.tensor)]
    scales = [t.quantization.scale for t in weights if t.quantization is not None]
    return bool(scales) and all((np.frexp(scale)[0] == 0.5).all() for scale in scales)


def _is_activation(tensor: Tensor) -> bool:
    return not tensor.is_constant and _has_grid(tensor) and not tensor.is_variable


def _join(groups: dict[Tensor, set[Tensor]], tensors: list[Tensor]) -> None:
    joined: set[Tensor] = set().union(*(groups[t] for t in tensors))
    for tensor in joined:
        groups[tensor] = joined
