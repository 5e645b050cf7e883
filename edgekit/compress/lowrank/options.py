"""The options of the step "low-rank"."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated


class Goal(enum.Enum):
    """What the level of "low-rank" is a share of."""

    PARAMETERS = "parameters"
    MACS = "macs"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class LowRankOptions:
    """What "low-rank" does."""

    goal: Annotated[Goal, "keep a share of the layers' weights or operations, or lose a share of each output"] = (
        Goal.PARAMETERS
    )
    level: Annotated[float, "that share"] = 0.5
    convolutions: Annotated[bool, "1x1 convolutions too, not only fully connected layers"] = True
    samples: Annotated[int, "calibration samples to use, evenly spread; 0 means all"] = 400
    exclude: Annotated[tuple[str, ...], "operators that stay as they are: names, or patterns with * and ?"] = ()

    def __post_init__(self) -> None:
        if not 0 < self.level < 1:
            raise ValueError(f"level is {self.level}, and must be above 0 and below 1")
        if self.samples < 0:
            raise ValueError(f"samples is {self.samples}, and must not be negative")

    @property
    def limit(self) -> int | None:
        """How many samples to ask for."""
        return self.samples or None
