"""What calibration finds: a range for each activation tensor."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TensorRange:
    """The range of one tensor.

    Attributes:
        min, max: what the quantizer shall cover.
        seen_min, seen_max: what the samples held; the minimum is 0 for the output of a ReLU.
        clipped: the share of values outside [min, max], 0 where all are inside.
    """

    min: float
    max: float
    seen_min: float
    seen_max: float
    clipped: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Ranges:
    """The ranges of a model's float activation tensors.

    Attributes:
        by_tensor: by tensor name.
        samples: how many samples they rest on.
        method: how the ends were chosen, in a recipe's words.
        hessians: X'X * 2/n of the inputs X (n rows) of FULLY_CONNECTED operators, by tensor name, where asked for.
    """

    by_tensor: Mapping[str, TensorRange]
    samples: int
    method: str
    hessians: Mapping[str, Matrix]

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "samples": self.samples,
            "method": self.method,
            "ranges": {n: [r.min, r.max, r.seen_min, r.seen_max, r.clipped] for n, r in self.by_tensor.items()},
            "hessians": {name: _encode(matrix) for name, matrix in self.hessians.items()},
        }

    @staticmethod
    def from_json(plain: Mapping[str, Any]) -> Ranges:
        """What `to_json` wrote."""
        return Ranges(
            by_tensor={name: TensorRange(*map(float, row)) for name, row in plain["ranges"].items()},
            samples=int(plain["samples"]),
            method=str(plain["method"]),
            hessians={name: _decode(cast(str, text)) for name, text in plain["hessians"].items()},
        )


def _encode(matrix: Matrix) -> str:
    return base64.b64encode(np.ascontiguousarray(matrix, "<f4").tobytes()).decode()


def _decode(text: str) -> Matrix:
    flat = np.frombuffer(base64.b64decode(text), "<f4")
    side = round(flat.size**0.5)
    return flat.reshape(side, side)
