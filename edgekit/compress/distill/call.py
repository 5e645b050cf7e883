"""One operator as a row of the lowering table sees it: its options, and its inputs as TensorFlow values.

Every value has one axis more than the graph's tensor, in front: the samples, or 1 for what does not depend on them.
So a graph that was fixed to batch 1 computes many samples at once, whatever it does with its own first axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.core.errors import ModelError, UnsupportedError
from edgekit.graph.model import Op, Tensor

# ActivationFunctionType of the schema
_NONE, _RELU, _RELU_N1, _RELU6, _TANH = range(5)
SAME = 0  # Padding.SAME of the schema


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """An operator that is to be computed. `tf` is TensorFlow; `values` has None where an optional input is absent."""

    tf: Any
    op: Op
    values: tuple[Any, ...]

    def option(self, name: str, default: Any = 0) -> Any:
        """A field of the operator's options; `default` where the file has none."""
        return getattr(self.op.options, name, default)

    def weights(self, position: int) -> Any:
        """A constant input as the graph has it, without the samples' axis; None where it is absent."""
        value = self.values[position] if position < len(self.values) else None
        return None if value is None else value[0]

    def numbers(self, position: int) -> npt.NDArray[Any]:
        """A constant input that says what to do: axes, sizes, permutations. Raises UnsupportedError where it varies."""
        data = self.tensor(position).data
        if data is None:
            what = f"{self.op.label} '{self.op.name}' computes its input {position} from other tensors"
            raise UnsupportedError(f"{what}: it cannot be trained", "fix the model's shapes when you import it")
        return np.atleast_1d(data)

    def tensor(self, position: int = 0) -> Tensor:
        """An input of the graph. Raises ModelError where it is absent."""
        tensor = self.op.inputs[position] if position < len(self.op.inputs) else None
        if tensor is None:
            raise ModelError(f"Operator {self.op.label} '{self.op.name}' has no input {position}.")
        return tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """The first output's shape in the graph."""
        return self.op.outputs[0].shape

    def shaped(self, value: Any, shape: Sequence[int]) -> Any:
        """`value` as samples of `shape`."""
        return self.tf.reshape(value, (-1, *shape))

    def images(self, position: int = 0) -> Any:
        """An input (samples, batch, rows, columns, channels) with its first two axes as one."""
        return self.tf.reshape(self.values[position], (-1, *self.tensor(position).shape[1:]))

    def active(self, value: Any) -> Any:
        """`value` after the activation that is fused into the operator."""
        return activate(self.tf, self.option("fusedActivationFunction"), value, self.op)


Row = Callable[[Call], Sequence[Any]]
"""What computes an operator: one value for each output."""


def activate(tf: Any, function: int, value: Any, op: Op) -> Any:
    """The fused activation with this number in the schema. Raises UnsupportedError."""
    if function == _NONE:
        return value
    if function == _RELU:
        return tf.nn.relu(value)
    if function == _RELU6:
        return tf.nn.relu6(value)
    if function == _RELU_N1:
        return tf.clip_by_value(value, -1.0, 1.0)
    if function == _TANH:
        return tf.tanh(value)
    raise UnsupportedError(f"{op.label} '{op.name}' has the fused activation {function}, which cannot be trained")


def padding_of(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Padding.SAME before and after along one axis. Source: tensorflow/lite/kernels/padding.h."""
    reach = (kernel - 1) * dilation + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2
