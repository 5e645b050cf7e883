"""The options of the step "repair"."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated


class What(enum.Enum):
    """What of a layer is repaired: weights, scales and bias, or the bias alone, which takes the mean difference."""

    WEIGHTS = "weights"
    BIAS = "bias"


@dataclass(frozen=True, slots=True)
class RepairOptions:
    """How layers are repaired."""

    what: Annotated[What, "weights with scales and bias, or the bias alone"] = What.WEIGHTS
    samples: Annotated[int, "how many samples to use, evenly spread over the dataset; 0 means all"] = 200
    rounds: Annotated[int, "rounds of descent over the integers and of refitted scales"] = 4
    ridge: Annotated[float, "the least damping of the inputs' covariance, relative to its mean diagonal"] = 1e-3

    def __post_init__(self) -> None:
        if self.samples < 0 or self.rounds < 0:
            raise ValueError("samples and rounds must not be negative")
        if not 0 < self.ridge <= 1:
            raise ValueError(f"ridge is {self.ridge}, and must be above 0 and at most 1")
