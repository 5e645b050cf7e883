"""What may become of one layer."""

from __future__ import annotations

import enum

from edgekit.graph.types import DType


class Choice(enum.Enum):
    """One option for a layer with weights: how many bits it gets, or how many of its output channels go."""

    FLOAT = "float"
    FLOAT16 = "float16"
    INT16X8 = "int16x8"
    INT8 = "int8"
    INT4 = "int4"
    PRUNE_25 = "prune 25 %"
    PRUNE_50 = "prune 50 %"
    PRUNE_75 = "prune 75 %"

    @property
    def weight_bits(self) -> int:
        """Bits of a stored weight."""
        return {Choice.FLOAT16: 16, Choice.INT16X8: 8, Choice.INT8: 8, Choice.INT4: 4}.get(self, 32)

    @property
    def activation_bits(self) -> int:
        """Bits of the layer's input and output; 32 where they stay float."""
        return {Choice.INT16X8: 16, Choice.INT8: 8, Choice.INT4: 8}.get(self, 32)

    @property
    def cut(self) -> float:
        """The share of output channels that go."""
        return {Choice.PRUNE_25: 0.25, Choice.PRUNE_50: 0.5, Choice.PRUNE_75: 0.75}.get(self, 0.0)

    @property
    def activation_type(self) -> DType:
        """How the layer's input and output are stored."""
        return {8: DType.INT8, 16: DType.INT16, 32: DType.FLOAT32}[self.activation_bits]


BITS = (Choice.FLOAT16, Choice.INT16X8, Choice.INT8, Choice.INT4)
"""The choices with fewer bits, from mild to hard."""

CUTS = (Choice.PRUNE_25, Choice.PRUNE_50, Choice.PRUNE_75)
"""The choices with fewer channels, from mild to hard."""
