"""The optimizer.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015). Its state is variables in an order of
our own, which are written down and taken up again with the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8


class Adam:
    """State for some variables: `moments` are twice as many, in the variables' order."""

    def __init__(self, tf: Any, variables: Sequence[Any]) -> None:
        self._tf = tf
        self._variables = list(variables)
        self._first = [tf.Variable(np.zeros(v.shape, np.float32)) for v in variables]
        self._second = [tf.Variable(np.zeros(v.shape, np.float32)) for v in variables]

    @property
    def moments(self) -> list[Any]:
        """What is to be kept beside the variables."""
        return self._first + self._second

    def apply(self, gradients: Sequence[Any], rate: Any, number: Any) -> None:
        """One step, the `number`th (a float, from 1)."""
        tf = self._tf
        towards = rate * tf.sqrt(1.0 - _SECOND**number) / (1.0 - _FIRST**number)
        for v, g, m, s in zip(self._variables, gradients, self._first, self._second, strict=True):
            m.assign(_FIRST * m + (1 - _FIRST) * g)
            s.assign(_SECOND * s + (1 - _SECOND) * g * g)
            v.assign_sub(towards * m / (tf.sqrt(s) + _TINY))


def rate_at(step: int, steps: int, start: float, warm: int = 20) -> float:
    """The rate of step `step` of `steps`: it rises over the first `warm`, then falls along a cosine to nothing."""
    falling = 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    return start * falling * min(1.0, (step + 1) / min(warm, max(1, steps)))
