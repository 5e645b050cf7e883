"""What a rule is asked: one operator with its types, and the target it should run on."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

from edgekit.graph.model import Model, Op, Tensor
from edgekit.graph.types import DType
from edgekit.targets.kernels import (
    ACTIVATION_INPUT,
    ACTIVATION_IS_OUTPUT,
    WEIGHTS_INPUT,
    Kernel,
    Types,
    kernels,
    table_runtime,
)
from edgekit.targets.target import RuntimeKind, Target


class Level(enum.Enum):
    """How well a target runs an operator, from best to worst."""

    RUNS = "runs"
    SLOW = "slow"
    CANNOT = "cannot"

    @property
    def severity(self) -> int:
        """0 for the best."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Case:
    """One operator on one target.

    Args:
        types: of its activations and weights; None where it has neither (a variable's handle).
        per_channel: whether its weights (for DEQUANTIZE: its input) have a scale for each channel; None is unknown.
        op: the operator itself, or None when a step asks before it makes one: then shapes are unknown.
    """

    target: Target
    kind: str
    types: Types | None
    custom_name: str = ""
    version: int = 1
    per_channel: bool | None = None
    op: Op | None = None

    @property
    def runtime(self) -> RuntimeKind:
        """The runtime under which the kernel tables list the target's."""
        return table_runtime(self.target.runtime)

    @property
    def kernel(self) -> Kernel | None:
        """The runtime's kernel for the operator, or None."""
        return kernels(self.runtime).get(self.kind)

    @property
    def is_micro(self) -> bool:
        """Whether it runs on a microcontroller's runtime."""
        return self.runtime is RuntimeKind.TFLM

    def tensors(self) -> list[Tensor]:
        """All tensors that the operator reads and writes; none when there is no operator yet."""
        if self.op is None:
            return []
        return [tensor for tensor in (*self.op.inputs, *self.op.outputs) if tensor is not None]


def cases(model: Model, target: Target) -> Iterator[Case]:
    """A case for each operator of each subgraph, in order."""
    for graph in model.graphs:
        for op in graph.ops:
            yield case_of(op, target)


def case_of(op: Op, target: Target) -> Case:
    """The case of one operator."""
    types, scaled = _types(op), _scaled(op)
    per_channel = None
    if scaled is not None and scaled.quantization is not None:
        per_channel = int(scaled.quantization.scale.size) > 1
    return Case(target, op.kind, types, op.custom_name, op.version, per_channel, op)


def _types(op: Op) -> Types | None:
    activation = _activation(op)
    if activation is None:
        return None
    weights = _input(op, WEIGHTS_INPUT.get(op.kind))
    return Types(activation, weights.dtype if weights is not None else activation)


def _activation(op: Op) -> DType | None:
    if op.kind in ACTIVATION_IS_OUTPUT:
        return op.outputs[0].dtype if op.outputs else None
    tensor = _input(op, ACTIVATION_INPUT.get(op.kind, 0))
    return tensor.dtype if tensor is not None else None


def _scaled(op: Op) -> Tensor | None:
    """The tensor that may have a scale for each channel."""
    return _input(op, 0 if op.kind == "DEQUANTIZE" else WEIGHTS_INPUT.get(op.kind))


def _input(op: Op, index: int | None) -> Tensor | None:
    return op.inputs[index] if index is not None and index < len(op.inputs) else None
