"""A graph as a function of TensorFlow, for any number of samples at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgekit.compress.distill.call import Call
from edgekit.compress.distill.learned import Grid, Learned, grid_of, real_values, unit_of
from edgekit.compress.distill.parameters import is_moving, only_shifts, parameters_of, scale_groups
from edgekit.compress.distill.table import ROWS, require_rows
from edgekit.core.extras import require
from edgekit.graph.model import Model, Op, Tensor

Values = dict[Tensor, Any]


class Lowered:
    """What a model computes, in real numbers: quantized tensors are rounded as the kernels round them.

    `float32` sums and one rounding stand for the kernels' exact sums and fixed-point multiplication, so an integer
    can differ by one where a value lies within float32's precision of the middle between two.

    Raises UnsupportedError for an operator without a row, MissingError without TensorFlow.
    """

    def __init__(self, model: Model) -> None:
        require_rows(model)
        self.model = model
        self.learned: dict[Tensor, Learned] = {}
        self.steps: dict[int, Any] = {}
        self._groups: dict[Tensor, int] = {}
        self._tf: Any = require("tensorflow", "keras")
        self._constants: Values = {}

    def learn(self, spread: Mapping[Tensor, float], scales: bool) -> None:
        """Make variables of all that can learn. `spread`: standard deviations of operators' outputs."""
        scales = scales and not only_shifts(self.model)
        for parameter in parameters_of(self.model):
            unit = unit_of(parameter, spread.get(parameter.op.outputs[0], 1.0))
            self.learned[parameter.tensor] = Learned(self._tf, parameter, unit, scales)
        if scales:
            self._groups = scale_groups(self.model)
            self.steps = {n: self._tf.Variable(np.float32(0)) for n in sorted(set(self._groups.values()))}

    @property
    def variables(self) -> list[Any]:
        """All that learns, in an order that is always the same."""
        return [v for one in self.learned.values() for v in one.variables] + list(self.steps.values())

    def grid(self, tensor: Tensor) -> Grid | None:
        """The grid of an activation, None where it is not quantized."""
        return grid_of(tensor, self.steps.get(self._groups.get(tensor, -1)))

    def __call__(self, feeds: Mapping[str, Any]) -> Values:
        """Every tensor's value, (samples, *shape), for feeds (samples, …) by the names of the model's inputs."""
        tf, values = self._tf, {}
        for port in self.model.inputs():
            fed = tf.reshape(feeds[port.name], (-1, *port.tensor.shape))
            values[port.tensor] = self._rounded(fed, port.tensor)
        for tensor, learned in self.learned.items():
            values[tensor] = learned.value()[None]
        for op in self.model.main.ops:
            self.compute(op, values)
        return values

    def compute(self, op: Op, values: Values) -> None:
        """Put what one operator gives into `values`, which hold its inputs."""
        given = tuple(None if t is None else self._value(t, values) for t in op.inputs)
        results = ROWS[op.kind](Call(self._tf, op, given))
        kept = is_moving(op)
        for tensor, result in zip(op.outputs, results, strict=True):
            values[tensor] = result if kept else self._rounded(result, tensor)

    def _value(self, tensor: Tensor, values: Values) -> Any:
        if tensor not in values:
            values[tensor] = self._constant(tensor)
        return values[tensor]

    def _constant(self, tensor: Tensor) -> Any:
        """Made outside of functions that are traced, which then refer to it: they would hold a copy each."""
        if tensor not in self._constants:
            data, q = tensor.data, tensor.quantization
            real = tensor.dtype.is_float or (q is not None and q.scale.size > 0)
            with self._tf.init_scope():
                self._constants[tensor] = self._tf.constant((real_values(tensor) if real else np.asarray(data))[None])
        return self._constants[tensor]

    def _rounded(self, value: Any, tensor: Tensor) -> Any:
        grid = self.grid(tensor)
        return value if grid is None else grid.apply(self._tf, self._tf.cast(value, self._tf.float32))
