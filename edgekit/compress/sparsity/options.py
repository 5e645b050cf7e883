"""The options of the step "sparsify"."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated


class Goal(enum.Enum):
    """Who gains by zeros."""

    LATENCY = "latency"
    DOWNLOAD = "download"


class Encoding(enum.Enum):
    """How zeros are written."""

    SPARSE = "sparse"
    ZEROS = "zeros"


@dataclass(frozen=True, slots=True)
class SparsifyOptions:
    """What "sparsify" does."""

    share: Annotated[float, "of the weights of all layers concerned that become zero"] = 0.7
    block: Annotated[int, "weights of successive input channels that become zero together"] = 1
    goal: Annotated[Goal, "kernels that skip zeros, or a download that packs them"] = Goal.LATENCY
    encoding: Annotated[Encoding, "for a download: sparse constants, or zeros that a later quantize can take"] = (
        Encoding.SPARSE
    )
    unmeasured: Annotated[bool, "for latency: also on targets that cannot be timed here"] = False
    samples: Annotated[int, "calibration samples to use, evenly spread; 0 means all"] = 200
    exclude: Annotated[tuple[str, ...], "operators that stay as they are: names, or patterns with * and ?"] = ()

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ValueError(f"share is {self.share}, and must be above 0 and below 1")
        if self.block < 1:
            raise ValueError(f"block is {self.block}, and must be at least 1")
        if self.samples < 0:
            raise ValueError(f"samples is {self.samples}, and must not be negative")

    @property
    def limit(self) -> int | None:
        """How many samples to ask for."""
        return self.samples or None
