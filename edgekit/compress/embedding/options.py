"""The options of the step "reduce-embedding"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class EmbeddingOptions:
    """What "reduce-embedding" does."""

    keep: Annotated[float, "share of the weights to keep, of tables and of layers that alone read them"] = 0.1
    rank: Annotated[int, "numbers a row; 0 is what loses least under the share"] = 0
    rows: Annotated[int, "rows that differ; 0 is what loses least under the share"] = 0
    samples: Annotated[int, "calibration samples to use, evenly spread; 0 means all"] = 0

    def __post_init__(self) -> None:
        if not 0 < self.keep < 1:
            raise ValueError(f"keep is {self.keep}, and must be above 0 and below 1")
        for name in ("rank", "rows", "samples"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, and must not be negative")

    @property
    def limit(self) -> int | None:
        """How many samples to ask for."""
        return self.samples or None
